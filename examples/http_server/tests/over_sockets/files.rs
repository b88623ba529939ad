//! Files: what is found, what is not, parts, and what the client has already.

use crate::server::{HANG, Server};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

#[test]
fn files_have_types_and_folders_an_index() {
    let server = Server::start(&[]);
    server.folder.file("index.html", b"<p>root");
    server.folder.file("sub/index.html", b"<p>sub");
    server.folder.file("empty/x", b"");
    server.folder.file("caf\u{e9} au lait.css", b"p {}");
    let large: Vec<u8> = (0..1_000_000).map(|index| (index % 253) as u8).collect();
    server.folder.file("large.bin", &large);
    let mut client = server.connect();
    let root = client.get("/", "");
    assert_eq!((root.status, root.text()), (200, "<p>root"));
    assert_eq!(root.field("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(root.field("Date").is_some_and(|date| date.ends_with(" GMT")));
    assert_eq!(client.get("/?query", "").text(), "<p>root");
    assert_eq!(client.get("/sub/", "").text(), "<p>sub");
    let moved = client.get("/sub", "");
    assert_eq!((moved.status, moved.field("Location")), (301, Some("/sub/")));
    assert_eq!(client.get("/empty/", "").status, 404);
    assert_eq!(client.get("/empty/x", "").body, b"");
    assert_eq!(client.get("/empty/x/", "").status, 404);
    let css = client.get("/caf%C3%A9%20au%20lait.css", "");
    assert_eq!(css.field("Content-Type"), Some("text/css; charset=utf-8"));
    let got = client.get("/large.bin", "");
    assert_eq!(got.field("Content-Type"), Some("application/octet-stream"));
    assert!(got.body == large);
}

#[test]
fn nothing_outside_of_the_folder() {
    let server = Server::start(&[]);
    let outside = server.folder.0.join("secret");
    fs::write(&outside, "secret").expect("a file");
    fs::create_dir(server.folder.0.join("other")).expect("a folder");
    fs::write(server.folder.0.join("other/secret"), "secret").expect("a file");
    server.folder.file("inside", b"inside");
    server.folder.file(".hidden", b"secret");
    server.folder.file(".git/config", b"secret");
    let served = server.folder.0.join("served");
    for (to, name) in [
        ("../secret", "up"),
        (outside.to_str().expect("a path of text"), "absolute"),
        ("../other", "folder"),
        ("loop", "loop"),
        ("nowhere", "dangling"),
        ("inside", "good"),
    ] {
        symlink(to, served.join(name)).expect("a link");
    }
    let made = Command::new("mkfifo").arg(served.join("pipe")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    let mut client = server.connect();
    assert_eq!(client.get("/good", "").text(), "inside");
    for target in [
        "/up",
        "/absolute",
        "/folder/secret",
        "/folder/",
        "/folder",
        "/loop",
        "/dangling",
        "/pipe",
        "/none",
        "/inside/",
        "/inside/x",
        "/.hidden",
        "/.git/config",
        "//inside",
        "/..%2fsecret",
        "/%2fetc/passwd",
        "//etc/passwd",
        "/%5c..%5csecret",
    ] {
        assert_eq!(client.get(target, "").status, 404, "{target}");
    }
    for target in
        ["/../secret", "/%2e%2e/secret", "/.%2E/secret", "/x/../../secret", "/a%00b", "/%"]
    {
        assert_eq!(server.connect().get(target, "").status, 400, "{target}");
    }
}

#[test]
fn parts_of_files() {
    let server = Server::start(&[]);
    server.folder.file("small", b"0123456789");
    server.folder.file("nothing", b"");
    let large: Vec<u8> = (0..500_000).map(|index| (index % 241) as u8).collect();
    server.folder.file("large", &large);
    let mut client = server.connect();
    assert_eq!(client.get("/small", "").field("Accept-Ranges"), Some("bytes"));
    for (range, status, said, body) in [
        ("bytes=2-4", 206, Some("bytes 2-4/10"), "234"),
        ("bytes=7-", 206, Some("bytes 7-9/10"), "789"),
        ("bytes=-2", 206, Some("bytes 8-9/10"), "89"),
        ("bytes=0-100", 206, Some("bytes 0-9/10"), "0123456789"),
        ("bytes=10-", 416, Some("bytes */10"), ""),
        ("bytes=-0", 416, Some("bytes */10"), ""),
        ("bytes=4-2", 200, None, "0123456789"),
        ("bytes=0-1,4-5", 200, None, "0123456789"),
        ("lines=1-2", 200, None, "0123456789"),
    ] {
        let part = client.get("/small", &format!("Range: {range}\r\n"));
        let got = (part.status, part.field("Content-Range"), part.text());
        assert_eq!(got, (status, said, body), "{range}");
    }
    assert_eq!(client.get("/nothing", "Range: bytes=0-\r\n").status, 416);
    let part = client.get("/large", "Range: bytes=100000-399999\r\n");
    assert_eq!(part.field("Content-Range"), Some("bytes 100000-399999/500000"));
    assert!(part.body == large[100_000..400_000]);
    let tag = part.field("ETag").expect("a tag").to_owned();
    let condition = format!("Range: bytes=0-4\r\nIf-Range: {tag}\r\n");
    assert_eq!(client.get("/large", &condition).status, 206);
    assert_eq!(client.get("/large", "Range: bytes=0-4\r\nIf-Range: \"x\"\r\n").status, 200);
    client.send("HEAD /small HTTP/1.1\r\nHost: a\r\nRange: bytes=2-4\r\n\r\n");
    let head = client.head();
    assert_eq!((head.status, head.field("Content-Length")), (200, Some("10")));
}

#[test]
fn what_a_client_has_is_not_sent_again() {
    let server = Server::start(&[]);
    server.folder.file("a", b"first");
    let path = server.folder.0.join("served/a");
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let set = |date| File::open(&path).and_then(|file| file.set_modified(date)).expect("a file");
    set(date);
    let mut client = server.connect();
    let first = client.get("/a", "");
    assert_eq!(first.field("Last-Modified"), Some("Sun, 09 Sep 2001 01:46:40 GMT"));
    let tag = first.field("ETag").expect("a tag").to_owned();
    for (fields, status) in [
        (format!("If-None-Match: {tag}\r\n"), 304),
        (format!("If-None-Match: \"x\", W/{tag}\r\n"), 304),
        ("If-None-Match: *\r\n".into(), 304),
        ("If-None-Match: \"x\"\r\n".into(), 200),
        ("If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT\r\n".into(), 304),
        ("If-Modified-Since: Sun, 09 Sep 2001 01:46:39 GMT\r\n".into(), 200),
        ("If-Unmodified-Since: Sun, 09 Sep 2001 01:46:39 GMT\r\n".into(), 412),
        ("If-Match: \"x\"\r\n".into(), 412),
        (format!("If-Match: {tag}\r\n"), 200),
    ] {
        let response = client.get("/a", &fields);
        assert_eq!(response.status, status, "{fields}");
        if status == 304 {
            assert_eq!(response.field("ETag"), Some(tag.as_str()));
        }
    }
    // What has changed is sent anew, when the cache has looked again.
    fs::write(&path, "second").expect("a file");
    let started = Instant::now();
    let changed = loop {
        let response = client.get("/a", &format!("If-None-Match: {tag}\r\n"));
        if response.status == 200 {
            break response;
        }
        assert!(started.elapsed() < HANG, "the change is not seen");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(changed.text(), "second");
    assert_ne!(changed.field("ETag"), Some(tag.as_str()));
    fs::remove_file(&path).expect("a file");
    while client.get("/a", "").status != 404 {
        assert!(started.elapsed() < HANG, "it is still there");
        std::thread::sleep(Duration::from_millis(50));
    }
}
