//! Files and folders, off the processors.

mod support;

use gort::fs::{self, DirBuilder, File, OpenOptions};
use std::fs::{FileTimes, TryLockError};
use std::io::{
    BufRead, BufReader, BufWriter, ErrorKind, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use support::{in_turn, on, yield_until};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("gort-fs-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(unix)]
fn links_to_a(folder: &Folder) {
    fs::symlink("a", folder.path("link")).unwrap();
    assert_eq!(fs::read_link(folder.path("link")).unwrap(), PathBuf::from("a"));
    assert_eq!(
        fs::canonicalize(folder.path("link")).unwrap(),
        fs::canonicalize(&folder.0).unwrap().join("a")
    );
    assert!(fs::symlink_metadata(folder.path("link")).unwrap().is_symlink());
    assert_eq!(fs::metadata(folder.path("link")).unwrap().len(), 5);
}

#[test]
fn the_functions_of_std() {
    on(2, || {
        let folder = Folder::new("functions");
        let (a, b, deep) = (folder.path("a"), folder.path("b"), folder.path("x/y/z"));
        fs::write(&a, "hello").unwrap();
        assert_eq!(fs::read(&a).unwrap(), b"hello");
        assert_eq!(fs::copy(&a, &b).unwrap(), 5);
        assert_eq!(fs::read_to_string(&b).unwrap(), "hello");
        fs::rename(&b, folder.path("c")).unwrap();
        assert!(!fs::exists(&b).unwrap());
        fs::hard_link(&a, &b).unwrap();
        #[cfg(unix)]
        links_to_a(&folder);
        let mut permissions = fs::metadata(&a).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&a, permissions).unwrap();
        assert!(fs::metadata(&a).unwrap().permissions().readonly());
        fs::create_dir(folder.path("x")).unwrap();
        fs::create_dir_all(&deep).unwrap();
        let mut builder = DirBuilder::new();
        let error = builder.create(folder.path("p/q")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "there is no p");
        builder.recursive(true).create(folder.path("x/p/q")).unwrap();
        builder.create(folder.path("x/p/q")).unwrap();
        assert!(fs::metadata(folder.path("x/p/q")).unwrap().is_dir());
        let mut names: Vec<_> = fs::read_dir(&folder.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names.retain(|name| name != "link");
        assert_eq!(names, ["a", "b", "c", "x"]);
        fs::remove_dir(&deep).unwrap();
        fs::remove_dir_all(folder.path("x")).unwrap();
        fs::remove_file(&a).unwrap();
        assert_eq!(fs::read(&a).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(fs::read_dir(&a).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

/// To whom a file belongs, and to whom a link to nothing, which is not followed.
#[test]
#[cfg(unix)]
fn owners() {
    use std::os::unix::fs::MetadataExt;
    on(1, || {
        let folder = Folder::new("owners");
        let (path, link) = (folder.path("file"), folder.path("link"));
        let file = File::create(&path).unwrap();
        let owners = |of: std::fs::Metadata| (of.uid(), of.gid());
        let (user, group) = owners(file.metadata().unwrap());
        fs::symlink("nowhere", &link).unwrap();
        fs::chown(&path, Some(user), Some(group)).unwrap();
        fs::chown(&path, None, None).unwrap();
        fs::fchown(&file, Some(user), None).unwrap();
        assert_eq!(owners(fs::metadata(&path).unwrap()), (user, group));
        assert_eq!(fs::chown(&link, Some(user), None).unwrap_err().kind(), ErrorKind::NotFound);
        fs::lchown(&link, Some(user), Some(group)).unwrap();
        assert_eq!(owners(fs::symlink_metadata(&link).unwrap()), (user, group));
        // Whoever may give it to others may do so with the rest.
        if fs::chown(&path, Some(user + 3), Some(group + 4)).is_ok() {
            assert_eq!(owners(fs::metadata(&path).unwrap()), (user + 3, group + 4));
            fs::fchown(&file, Some(user + 1), None).unwrap();
            assert_eq!(owners(fs::metadata(&path).unwrap()), (user + 1, group + 4));
            fs::lchown(&link, None, Some(group + 2)).unwrap();
            assert_eq!(owners(fs::symlink_metadata(&link).unwrap()), (user, group + 2));
        }
    });
}

#[test]
fn an_open_file() {
    on(2, || {
        let folder = Folder::new("file");
        let path = folder.path("file");
        let mut file = File::create_new(&path).unwrap();
        assert_eq!(File::create_new(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        // Windows takes one buffer at a time.
        let count = file.write_vectored(&[IoSlice::new(b"one "), IoSlice::new(b"two\n")]).unwrap();
        file.write_all(&b"one two\n"[count..]).unwrap();
        assert!(count == 8 || cfg!(windows));
        writeln!(&file, "three").unwrap();
        file.flush().unwrap();
        file.sync_data().unwrap();
        file.sync_all().unwrap();
        assert_eq!(file.stream_position().unwrap(), 14);

        let mut file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let (mut one, mut two) = ([0; 4], [0; 4]);
        let mut places = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
        let count = file.read_vectored(&mut places).unwrap();
        file.read_exact(&mut two[..8 - count]).unwrap();
        assert_eq!((&one, &two), (b"one ", b"two\n"));
        let mut rest = String::new();
        assert_eq!((&file).read_to_string(&mut rest).unwrap(), 6);
        assert_eq!(rest, "three\n");
        assert_eq!(file.read(&mut one).unwrap(), 0);
        file.seek(SeekFrom::Start(4)).unwrap();
        assert_eq!(file.read_at(&mut one, 0).unwrap(), 4);
        assert_eq!(&one, b"one ");
        assert_eq!(file.write_at(b"TWO", 4).unwrap(), 3);
        // Windows has moved the position along, others have left it.
        if cfg!(windows) {
            assert_eq!(file.stream_position().unwrap(), 7);
            file.seek(SeekFrom::Start(4)).unwrap();
        }
        let clone = file.try_clone().unwrap();
        assert_eq!(BufReader::new(clone).lines().next().unwrap().unwrap(), "TWO");
        file.set_len(3).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 3);
        let epoch = std::time::SystemTime::UNIX_EPOCH;
        file.set_modified(epoch).unwrap();
        assert_eq!(file.metadata().unwrap().modified().unwrap(), epoch);
        let later = epoch + Duration::from_secs(1000);
        file.set_times(FileTimes::new().set_modified(later)).unwrap();
        assert_eq!(file.metadata().unwrap().modified().unwrap(), later);
        file.write_all_at(b"four", 3).unwrap();
        file.read_exact_at(&mut one, 3).unwrap();
        assert_eq!(&one, b"four");
        let too_far = file.read_exact_at(&mut one, 4).unwrap_err();
        assert_eq!(too_far.kind(), ErrorKind::UnexpectedEof);
        file.set_len(3).unwrap();

        let file = File::from(std::fs::File::from(file));
        let mut text = Vec::new();
        (&file).rewind().unwrap();
        (&file).read_to_end(&mut text).unwrap();
        assert_eq!(text, b"one");
        assert!(File::create(&path).unwrap().metadata().unwrap().len() == 0);
        let mut buffered = BufWriter::new(File::options().append(true).open(&path).unwrap());
        (0..10_000).for_each(|n| writeln!(buffered, "{n}").unwrap());
        drop(buffered);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 10_000);
    });
}

/// Opening a FIFO blocks the thread until the other end is opened too: in one processor's runtime where
/// nobody is made room for otherwise, both can only be opened if the first gives the processor away.
#[cfg(unix)]
#[test]
fn a_file_that_waits_holds_no_processor() {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;

    in_turn(|| {
        let folder = Folder::new("fifo");
        let path = folder.path("fifo");
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: a path that ends with a zero.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        let reader = gort::spawn({
            let path = path.clone();
            move || fs::read_to_string(path).unwrap()
        });
        gort::yield_now();
        let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
        gort::yield_now();
        writer.write_all(b"hello").unwrap();
        drop(writer);
        assert_eq!(reader.join().unwrap(), "hello");
    });
}

/// A lock on a file is waited for by a goroutine whose processor goes on.
#[test]
fn locks_on_files() {
    in_turn(|| {
        let folder = Folder::new("locks");
        let path = folder.path("lock");
        let first = File::create(&path).unwrap();
        first.lock().unwrap();
        let second = File::open(&path).unwrap();
        let waiter = gort::spawn(move || second.lock_shared().unwrap());
        gort::yield_now();
        assert!(!waiter.is_finished());
        let third = File::open(&path).unwrap();
        assert!(matches!(third.try_lock_shared(), Err(TryLockError::WouldBlock)));
        first.unlock().unwrap();
        waiter.join().unwrap();
        third.try_lock_shared().unwrap();
        assert!(matches!(first.try_lock(), Err(TryLockError::WouldBlock)));
        third.unlock().unwrap();
        // A process that another test starts may have the second for a moment, which was dropped with its lock.
        yield_until("it is free", || first.try_lock().is_ok());
    });
}

#[test]
fn many_goroutines_share_a_file() {
    on(2, || {
        let folder = Folder::new("shared");
        let path = folder.path("log");
        let log = Arc::new(OpenOptions::new().append(true).create(true).open(&path).unwrap());
        let writers: Vec<_> = (0..50)
            .map(|n| {
                let log = log.clone();
                gort::spawn(move || {
                    (0..20)
                        .for_each(|i| (&*log).write_all(format!("{n} {i}\n").as_bytes()).unwrap());
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        let text = fs::read_to_string(&path).unwrap();
        for n in 0..50 {
            let prefix = format!("{n} ");
            let of_one = text.lines().filter_map(|line| line.strip_prefix(&prefix));
            assert!(of_one.eq((0..20).map(|i| i.to_string())), "in order, and none lost");
        }
    });
}

#[test]
fn on_a_plain_thread() {
    let folder = Folder::new("thread");
    fs::write(folder.path("a"), [7]).unwrap();
    assert_eq!(fs::read(folder.path("a")).unwrap(), [7]);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
}

/// Too many open files are an error that says so, and nothing is lost.
#[cfg(unix)]
#[test]
fn no_descriptors_are_left() {
    if support::in_child() {
        return on(2, || {
            let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
            // SAFETY: a limit of this process.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
            let mut files = Vec::new();
            let error = loop {
                match File::open("/dev/null") {
                    Ok(file) => files.push(file),
                    Err(error) => break error,
                }
                assert!(files.len() < 64);
            };
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            assert!(error.to_string().contains("Too many open files"), "{error}");
            assert!(files[0].try_clone().is_err());
            let opened = files.len();
            files.clear();
            files.extend((0..opened).map(|_| File::open("/dev/null").unwrap()));
        });
    }
    support::assert_success(&support::child("no_descriptors_are_left", |_| {}));
}
