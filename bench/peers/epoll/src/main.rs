//! What an echo server costs without a runtime: one thread, one `epoll`, no tasks.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use workloads::epoll::{Epoll, Ready};
use workloads::{Args, net, report};

const NAME: &str = "epoll";
/// What the listener is called: no descriptor has that number.
const LISTENER: usize = usize::MAX;

fn serve() -> ! {
    let listener = TcpListener::bind(net::ANYWHERE).expect("a port");
    net::announce(listener.local_addr().expect("its address").port());
    let epoll = Epoll::new().expect("an epoll");
    epoll.add(&listener, LISTENER).expect("room for the listener");
    // By their descriptors, which are small numbers.
    let mut clients: Vec<Option<TcpStream>> = Vec::new();
    let mut buffer = [0; net::BUFFER];
    let mut ready = Ready::none();
    loop {
        epoll.wait(&mut ready, None).expect("the sockets that are ready");
        for name in ready.names() {
            if name == LISTENER {
                let (client, _) = listener.accept().expect("a client");
                let name = client.as_raw_fd() as usize;
                epoll.add(&client, name).expect("room for the client");
                clients.resize_with(clients.len().max(name + 1), || None);
                clients[name] = Some(client);
            } else if !clients[name].as_mut().is_some_and(|client| echo(client, &mut buffer)) {
                clients[name] = None;
            }
        }
    }
}

/// Sends back what has come; is the client still there?
fn echo(client: &mut TcpStream, buffer: &mut [u8]) -> bool {
    match client.read(buffer) {
        Ok(read @ 1..) => client.write_all(&buffer[..read]).is_ok(),
        _ => false,
    }
}

fn main() {
    let args = Args::parse();
    match args.workload.as_str() {
        "tcp" | "tcp_idle" => serve(),
        _ => report::not_applicable(NAME, &args, "it has no tasks"),
    }
}
