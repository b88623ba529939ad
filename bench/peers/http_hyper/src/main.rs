//! `peer-http-hyper ADDRESS FILE [current_thread]`: one file over HTTP/1.1, by hyper on tokio.
//!
//! The file is read at the start and served from memory, with the header fields that `http_server` sends;
//! nothing is looked at in a request but its path. `examples/http_server/compare.sh` runs it.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT_RANGES, CONTENT_TYPE, ETAG, HeaderValue, LAST_MODIFIED, SERVER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::error::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (address, file, flavor) = match &arguments[..] {
        [address, file] => (address, file, "multi_thread"),
        [address, file, flavor] => (address, file, flavor.as_str()),
        _ => return Err("usage: peer-http-hyper ADDRESS FILE [current_thread]".into()),
    };
    let mut builder = match flavor {
        "current_thread" => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    };
    let content = Bytes::from(std::fs::read(file)?);
    builder.enable_all().build()?.block_on(serve(address, content))
}

async fn serve(address: &str, content: Bytes) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address).await?;
    println!("serving http://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, content.clone()));
    }
}

async fn connection(stream: TcpStream, content: Bytes) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let response = answer(&request, content.clone());
        async move { Ok::<_, Infallible>(response) }
    });
    // That a client has gone is no news.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn answer(request: &Request<Incoming>, content: Bytes) -> Response<Full<Bytes>> {
    if request.uri().path() != "/file" {
        let mut missing = Response::new(Full::new(Bytes::new()));
        *missing.status_mut() = StatusCode::NOT_FOUND;
        return missing;
    }
    let mut response = Response::new(Full::new(content));
    let fields = response.headers_mut();
    let text = HeaderValue::from_static;
    fields.insert(SERVER, text("hyper"));
    fields.insert(CONTENT_TYPE, text("application/octet-stream"));
    fields.insert(ETAG, text("\"1a2b3c-68abcdef.12345678-400\""));
    fields.insert(LAST_MODIFIED, text("Sun, 09 Sep 2001 01:46:40 GMT"));
    fields.insert(ACCEPT_RANGES, text("bytes"));
    response
}
