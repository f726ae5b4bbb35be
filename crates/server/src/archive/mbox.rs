//! mbox files, written and read as streams; the format itself is in `mail::mbox`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufWriter, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use mail::digest::{ContentDigest, Digester};
use mail::flag::Flags;
use mail::marks::{self, Front};
use mail::mbox::{Quoting, from_line, read_from_line};
use mail::message::HeaderSection;
use mail::time::Timestamp;
use tempfile::SpooledTempFile;

use super::sync_directory;

/// What the files end with.
pub(super) const EXTENSION: &str = "mbox";
/// Octets of a message that are looked at for its reverse-path, and for fields that say which flags it has.
const FRONT_OCTETS_MAX: usize = 256 * 1024;
/// Octets of a message that is being read, in memory; more goes to a file without a name.
const MEMORY_OCTETS: usize = 1 << 20;
/// Octets of a line read at once.
const PIECE_OCTETS: u64 = 64 * 1024;

/// A file being written: under its name once it is complete and durable.
pub(super) struct MboxWriter {
    file: BufWriter<File>,
    beside: PathBuf,
    path: PathBuf,
}

/// One message being written.
pub(super) struct MessageWriter<'a> {
    file: &'a mut BufWriter<File>,
    received: Timestamp,
    flags: Flags,
    /// Until the line before the message is written.
    front: Option<Vec<u8>>,
    quoting: Quoting,
}

impl MboxWriter {
    /// Begins a file of this name.
    pub(super) fn begin(path: PathBuf) -> io::Result<Self> {
        if path.exists() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "is there already; an mbox is written anew, and never over another"));
        }
        let mut beside = path.clone().into_os_string();
        beside.push(".tmp");
        let beside = PathBuf::from(beside);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        Ok(Self { file: BufWriter::new(file), beside, path })
    }

    /// Begins a message.
    pub(super) fn message(&mut self, received: Timestamp, flags: Flags) -> MessageWriter<'_> {
        MessageWriter { file: &mut self.file, received, flags, front: Some(Vec::new()), quoting: Quoting::quote() }
    }

    /// All messages are written.
    pub(super) fn finish(self) -> io::Result<()> {
        self.file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&self.beside, &self.path)?;
        self.path.parent().map_or(Ok(()), sync_directory)
    }
}

impl MessageWriter<'_> {
    /// The message is complete.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.write_front()?;
        let mut rest = Vec::new();
        self.quoting.finish(&mut rest);
        // The one line end that is the format's.
        rest.push(b'\n');
        self.file.write_all(&rest)
    }

    fn write_front(&mut self) -> io::Result<()> {
        let Some(front) = self.front.take() else { return Ok(()) };
        self.file.write_all(from_line(reverse_path(&front), self.received).as_bytes())?;
        if !self.flags.is_empty() || marks::has_fields(&HeaderSection::read(&front)) {
            self.file.write_all(marks::fields(&self.flags).as_bytes())?;
        }
        self.write_quoted(&front)
    }

    fn write_quoted(&mut self, octets: &[u8]) -> io::Result<()> {
        let mut quoted = Vec::with_capacity(octets.len() + 16);
        self.quoting.push(octets, &mut quoted);
        self.file.write_all(&quoted)
    }
}

impl Write for MessageWriter<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match &mut self.front {
            None => self.write_quoted(octets)?,
            Some(front) => {
                front.extend_from_slice(octets);
                if front.len() >= FRONT_OCTETS_MAX || HeaderSection::find_end(front).is_some() {
                    self.write_front()?;
                }
            }
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As the first field of a delivered message says it (RFC 5321 section 4.4); empty if there is none.
fn reverse_path(front: &[u8]) -> &str {
    let line = front.split(|octet| *octet == b'\n').next().unwrap_or_default();
    let value = line.strip_prefix(b"Return-Path: <").and_then(|rest| rest.split(|octet| *octet == b'>').next());
    value.and_then(|path| std::str::from_utf8(path).ok()).unwrap_or_default()
}

/// A message that was read.
pub(super) struct Found {
    /// When it was received.
    pub(super) received: Timestamp,
    /// Where its first line stands, the one before the message.
    pub(super) line: u64,
    /// Its octets, and what of the format stands behind them.
    pub(super) content: SpooledTempFile,
    /// How many octets it has.
    pub(super) size_octets: u64,
    /// Of these.
    pub(super) digest: ContentDigest,
    /// What stands in front of it, if an export has put it there.
    pub(super) flags: Option<Flags>,
}

/// What there is in a file.
pub(super) enum Item {
    /// A message.
    Message(Found),
    /// From this line on, something else.
    Strange(u64),
}

/// Reads the messages of a file, one after the other.
pub(super) struct MboxReader<R> {
    file: R,
    /// Lines that were read.
    lines: u64,
    /// The message whose first line was read last.
    open: Option<Open>,
    is_ended: bool,
}

struct Open {
    received: Timestamp,
    line: u64,
    /// Whether the file has CRLF where it needs a line end of its own.
    has_crlf: bool,
    quoting: Quoting,
    /// Until it is known whether they are the message's.
    front: Option<Vec<u8>>,
    flags: Option<Flags>,
    content: SpooledTempFile,
    size_octets: u64,
    /// The last two octets, not yet in the digest.
    tail: Vec<u8>,
    digester: Digester,
}

impl<R: BufRead> MboxReader<R> {
    pub(super) fn new(file: R) -> Self {
        Self { file, lines: 0, open: None, is_ended: false }
    }

    /// The next of the file; `None` at its end.
    pub(super) fn next(&mut self) -> io::Result<Option<Item>> {
        let mut strange = None;
        let (mut piece, mut at_line_start) = (Vec::new(), true);
        while !self.is_ended {
            piece.clear();
            self.is_ended = (&mut self.file).take(PIECE_OCTETS).read_until(b'\n', &mut piece)? == 0;
            let begins = if at_line_start { read_from_line(&piece) } else { None };
            if let Some(received) = begins {
                self.lines += 1;
                let next = Open::new(received, self.lines, piece.ends_with(b"\r\n"));
                let before = self.open.replace(next);
                match (before, strange) {
                    (Some(before), _) => return before.finish().map(Item::Message).map(Some),
                    (None, Some(line)) => return Ok(Some(Item::Strange(line))),
                    (None, None) => {}
                }
                continue;
            }
            match &mut self.open {
                Some(open) => open.push(&piece)?,
                None if piece.iter().all(u8::is_ascii_whitespace) => {}
                None => strange = strange.or(Some(self.lines + 1)),
            }
            at_line_start = piece.ends_with(b"\n");
            self.lines += u64::from(at_line_start);
        }
        match self.open.take() {
            Some(last) => last.finish().map(Item::Message).map(Some),
            None => Ok(strange.map(Item::Strange)),
        }
    }
}

impl Open {
    fn new(received: Timestamp, line: u64, has_crlf: bool) -> Self {
        let content = SpooledTempFile::new(MEMORY_OCTETS);
        let (quoting, digester) = (Quoting::unquote(), Digester::new());
        let (front, flags) = (Some(Vec::new()), None);
        Self { received, line, has_crlf, quoting, front, flags, content, size_octets: 0, tail: Vec::new(), digester }
    }

    fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        let mut octets = Vec::with_capacity(piece.len());
        self.quoting.push(piece, &mut octets);
        let Some(front) = &mut self.front else { return self.take(&octets) };
        front.extend_from_slice(&octets);
        match marks::front(front) {
            Front::Undecided => Ok(()),
            Front::Message => self.take_front(0),
            Front::Marks(flags, octets) => {
                self.flags = Some(flags);
                self.take_front(octets)
            }
        }
    }

    /// What was held back is the message's, but for so many octets.
    fn take_front(&mut self, without: usize) -> io::Result<()> {
        let front = self.front.take().unwrap_or_default();
        self.take(front.get(without..).unwrap_or_default())
    }

    fn take(&mut self, octets: &[u8]) -> io::Result<()> {
        self.content.write_all(octets)?;
        self.size_octets += octets.len() as u64;
        self.tail.extend_from_slice(octets);
        let known = self.tail.len().saturating_sub(2);
        self.digester.update(self.tail.get(..known).unwrap_or_default());
        self.tail.drain(..known);
        Ok(())
    }

    /// All of it was read: the line end that is the format's is taken off.
    fn finish(mut self) -> io::Result<Found> {
        self.take_front(0)?;
        let mut rest = Vec::new();
        self.quoting.clone().finish(&mut rest);
        self.take(&rest)?;
        let before = self.tail.len();
        if self.tail.ends_with(b"\n") {
            self.tail.pop();
            if self.has_crlf && self.tail.ends_with(b"\r") {
                self.tail.pop();
            }
        }
        self.digester.update(&self.tail);
        let size_octets = self.size_octets - (before - self.tail.len()) as u64;
        let Self { received, line, content, digester, flags, .. } = self;
        Ok(Found { received, line, content, size_octets, digest: digester.finish(), flags })
    }
}

/// Whether this file begins as an mbox does, or is empty.
pub(super) fn is_mbox(path: &Path) -> io::Result<bool> {
    let mut front = Vec::new();
    File::open(path)?.take(5).read_to_end(&mut front)?;
    Ok(front.is_empty() || front == b"From ")
}
