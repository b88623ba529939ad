//! What the commands answer. `compare.sh` compares more of it, word by word, with Redis.

use crate::harness::{Client, Server, example};
use std::time::{Duration, Instant};

#[test]
fn strings() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.ask("GET k", "nil");
    client.ask("SET k v", "OK");
    client.ask("GET k", "\"v\"");
    client.ask("SET k other NX", "nil");
    client.ask("SET k other XX GET", "\"v\"");
    client.ask("SET k v EX 0", "-ERR invalid expire time in 'set' command");
    client.ask("SET k v EX", "-ERR syntax error");
    client.ask("MSET a 1 b 2", "OK");
    client.ask("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command");
    client.ask("MGET a nothing b", "[\"1\" nil \"2\"]");
    client.ask("INCR a", "2");
    client.ask("DECRBY a 10", "-8");
    client.ask("INCRBY a 9223372036854775807", "9223372036854775799");
    client.ask("INCRBY a 9", "-ERR increment or decrement would overflow");
    client.ask("INCR k", "-ERR value is not an integer or out of range");
    client.ask("APPEND k more", "9");
    client.ask("STRLEN k", "9");
    client.ask("GETDEL k", "\"othermore\"");
    client.ask("EXISTS k a a", "2");
    client.request(&[&b"SET"[..], b"\0\r\n", b"\xff\0"]);
    client.expect("OK");
    client.request(&[&b"GET"[..], b"\0\r\n"]);
    client.expect("\"\\xff\\x00\"");
    client.ask("LPUSH a x", WRONG_TYPE);
    client.ask("FLUSHALL", "OK");
    client.ask("DBSIZE", "0");
}

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn keys_and_their_expiry() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.ask("MSET one 1 two 2 three 3", "OK");
    assert_eq!(keys(&mut client, "[ot]*e"), "[\"one\" \"three\"]");
    client.ask("TTL one", "-1");
    client.ask("EXPIRE one 100", "1");
    assert_about_100(&client.call("TTL one"));
    client.ask("EXPIRE one 200 LT", "0");
    client.ask("PERSIST one", "1");
    client.ask("TTL one", "-1");
    client.ask("TTL nothing", "-2");
    client.ask("EXPIRE one -1", "1");
    client.ask("EXISTS one", "0");

    let start = Instant::now();
    client.ask("SET two 2 PX 30", "OK");
    client.ask("PEXPIRE three 30", "1");
    while client.call("GET two") != "nil" {
        std::thread::yield_now();
    }
    // The server counts in whole ones.
    assert!(start.elapsed() >= Duration::from_millis(29));
    // The other one goes without being asked for.
    while client.call("DBSIZE") != "0" {
        std::thread::yield_now();
    }
    client.ask("SET again 1 PX 100000", "OK");
    client.ask("SET again 2", "OK");
    client.ask("TTL again", "-1");
    client.ask("SET again 3 EX 100", "OK");
    client.ask("SET again 4 KEEPTTL", "OK");
    assert_about_100(&client.call("TTL again"));
    client.ask("DEL again nothing", "1");
}

/// Seconds that were to be 100, of which one may have passed.
#[track_caller]
fn assert_about_100(seconds: &str) {
    assert!(["99", "100"].contains(&seconds), "{seconds}");
}

/// The keys, sorted.
fn keys(client: &mut Client, pattern: &str) -> String {
    let reply = client.call(&format!("KEYS {pattern}"));
    let mut keys: Vec<&str> = reply.trim_matches(['[', ']']).split(' ').collect();
    keys.sort_unstable();
    format!("[{}]", keys.join(" "))
}

#[test]
fn lists() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.ask("RPUSH l c d", "2");
    client.ask("LPUSH l b a", "4");
    client.ask("LRANGE l 0 -1", "[\"a\" \"b\" \"c\" \"d\"]");
    client.ask("LRANGE l -3 1", "[\"b\"]");
    client.ask("LRANGE l 9 10", "[]");
    client.ask("LPOP l", "\"a\"");
    client.ask("RPOP l 2", "[\"d\" \"c\"]");
    client.ask("LLEN l", "1");
    client.ask("LPOP l 0", "[]");
    client.ask("RPOP l", "\"b\"");
    client.ask("TYPE l", "none");
    client.ask("LPOP l", "nil");
    client.ask("LPUSHX l x", "0");
    client.ask("HSET l f v", "1");
    client.ask("LRANGE l 0 -1", WRONG_TYPE);
}

#[test]
fn hashes() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.ask("HSET h a 1 b 2", "2");
    client.ask("HSET h a 3", "0");
    client.ask("HGET h a", "\"3\"");
    client.ask("HMGET h a x b", "[\"3\" nil \"2\"]");
    client.ask("HGETALL h", "[\"a\" \"3\" \"b\" \"2\"]");
    client.ask("HINCRBY h a 4", "7");
    client.ask("HDEL h a x", "1");
    client.ask("HLEN h", "1");
    client.ask("HEXISTS h b", "1");
    client.ask("HDEL h b", "1");
    client.ask("EXISTS h", "0");
    client.ask("HSET h a", "-ERR wrong number of arguments for 'hset' command");
}

#[test]
fn sets() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.ask("SADD s a b c a", "3");
    client.ask("SCARD s", "3");
    client.ask("SISMEMBER s b", "1");
    client.ask("SREM s b x", "1");
    client.ask("SADD t c d", "2");
    client.ask("SINTER s t", "[\"c\"]");
    client.ask("SDIFF s t", "[\"a\"]");
    let popped = client.call("SPOP s");
    assert!(["\"a\"", "\"c\""].contains(&&*popped), "{popped}");
    client.ask("SCARD s", "1");
    assert_ne!(client.call("SPOP s"), popped);
    client.ask("SPOP s", "nil");
    client.ask("TYPE s", "none");
}

#[test]
fn sorted_sets() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.ask("ZADD z 3 c 1 a 2 b 2 aa", "4");
    client.ask("ZADD z CH 5 a 2 b", "1");
    client.ask("ZRANGE z 0 -1 WITHSCORES", "[\"aa\" \"2\" \"b\" \"2\" \"c\" \"3\" \"a\" \"5\"]");
    client.ask("ZPOPMIN z", "[\"aa\" \"2\"]");
    client.ask("ZPOPMAX z 2", "[\"a\" \"5\" \"c\" \"3\"]");
    client.ask("ZSCORE z b", "\"2\"");
    client.ask("ZINCRBY z 0.5 b", "\"2.5\"");
    for number in ["x", "nan", "1e400"] {
        client.ask(&format!("ZADD z {number} y"), "-ERR value is not a valid float");
    }
    client.ask("ZREM z b", "1");
    client.ask("ZCARD z", "0");
    client.ask("TYPE z", "none");
}

/// Every command is one moment: nobody sees a half of it.
#[test]
fn commands_are_atomic() {
    let server = Server::start(&[]);
    server.connect().ask("MSET a 0 b 0 c 0 d 0", "OK");
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let mut client = server.connect();
            scope.spawn(move || {
                for round in 0..300 {
                    let value = format!("{writer}.{round}");
                    client.ask(&format!("MSET a {value} b {value} c {value} d {value}"), "OK");
                    client.call("INCR sum");
                }
            });
        }
        let mut client = server.connect();
        scope.spawn(move || {
            for _ in 0..300 {
                let reply = client.call("MGET d c b a");
                let mut values = reply.trim_matches(['[', ']']).split(' ');
                let first = values.next();
                assert!(values.all(|value| Some(value) == first), "{reply}");
            }
        });
    });
    server.connect().ask("GET sum", "\"900\"");
}

#[test]
fn the_server_about_itself() {
    let server = Server::start(&["--maxclients", "77"]);
    let mut client = server.connect();
    client.ask("CONFIG GET maxcl*", "[\"maxclients\" \"77\"]");
    client.ask("CONFIG GET save appendonly", "[\"appendonly\" \"no\" \"save\" \"\"]");
    let id = client.call("CLIENT ID");
    client.ask("CLIENT SETNAME me", "OK");
    client.ask("CLIENT GETNAME", "\"me\"");
    client.ask("CLIENT SETINFO LIB-NAME test", "OK");
    assert!(client.call("CLIENT LIST").contains(&format!("id={id} ")));
    let info = client.call("INFO");
    for line in ["# Server", "connected_clients:1", "in memory only"] {
        assert!(info.contains(line), "{line} in {info}");
    }
    assert!(client.call("COMMAND").contains("[\"get\" 2 [readonly] 1 1 1 "));
    client.ask("SELECT 0", "OK");
    client.ask("SELECT 1", "-ERR DB index is out of range");
    assert!(client.call("TIME").starts_with("[\"1"));
    client.ask("QUIT", "OK");
    client.expect_end();
}

#[test]
fn the_third_version_of_the_protocol() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.ask("HELLO 4", "-NOPROTO unsupported protocol version");
    let hello = client.call("HELLO 3 SETNAME me");
    assert!(hello.starts_with("{\"server\" \"redis\" "), "{hello}");
    client.ask("CLIENT GETNAME", "\"me\"");
    client.ask("GET nothing", "nil");
    client.ask("HSET h a 1", "1");
    client.ask("HGETALL h", "{\"a\" \"1\"}");
    client.ask("SADD s a", "1");
    client.ask("SMEMBERS s", "~[\"a\"]");
    client.ask("ZADD z 1.5 a", "1");
    client.ask("ZSCORE z a", "1.5");
    client.ask("ZPOPMIN z 1", "[[\"a\" 1.5]]");
    client.ask("RESET", "RESET");
    client.ask("HGETALL h", "[\"a\" \"1\"]");
}

#[test]
fn bad_options_are_refused() {
    for (options, message) in [
        (&["--nonsense", "1"][..], "unknown option \"--nonsense\""),
        (&["--port"], "--port needs a value"),
        (&["--port", "70000"], "--port cannot be \"70000\""),
        (&["--maxmemory", "1tb"], "--maxmemory cannot be \"1tb\""),
        (&["--timeout", "-1"], "--timeout cannot be \"-1\""),
    ] {
        let mut command = std::process::Command::new(example());
        let output = command.args(options).output().expect("the example starts");
        assert_eq!(output.status.code(), Some(2), "{options:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(message) && stderr.contains("usage: "), "{stderr}");
    }
}
