//! A test tool: package files byte by byte, so that they can be wrong where it is wanted.

/// An entry of a header: tag, type, count, data.
#[derive(Clone, Debug)]
pub struct Entry(pub u32, pub u32, pub u32, pub Vec<u8>);

impl Entry {
    /// STRING
    pub fn text(tag: u32, text: &str) -> Self {
        Self(tag, 6, 1, [text.as_bytes(), b"\0"].concat())
    }

    /// STRING_ARRAY
    pub fn texts(tag: u32, texts: &[&str]) -> Self {
        let data = texts.iter().flat_map(|t| [t.as_bytes(), b"\0"].concat()).collect();
        Self(tag, 8, texts.len() as u32, data)
    }

    /// INT32
    pub fn numbers(tag: u32, numbers: &[u32]) -> Self {
        let data = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        Self(tag, 4, numbers.len() as u32, data)
    }

    /// INT16
    pub fn shorts(tag: u32, numbers: &[u16]) -> Self {
        let data = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        Self(tag, 3, numbers.len() as u32, data)
    }
}

/// A header of these entries with a right region of this tag (62 or 63).
pub fn header(region: u32, entries: &[Entry]) -> Vec<u8> {
    let (mut index, mut store) = (Vec::new(), Vec::new());
    for Entry(tag, kind, count, data) in entries {
        let width = match kind {
            3 => 2,
            4 => 4,
            5 => 8,
            _ => 1,
        };
        store.resize(store.len().next_multiple_of(width), 0);
        for field in [*tag, *kind, store.len() as u32, *count] {
            index.extend(field.to_be_bytes());
        }
        store.extend(data);
    }
    let mut bytes = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
    bytes.extend((entries.len() as u32 + 1).to_be_bytes());
    bytes.extend((store.len() as u32 + 16).to_be_bytes());
    for field in [region, 7, store.len() as u32, 16] {
        bytes.extend(field.to_be_bytes());
    }
    bytes.extend(&index);
    bytes.extend(&store);
    let back = -((index.len() + 16) as i32);
    for field in [region, 7, back as u32, 16] {
        bytes.extend(field.to_be_bytes());
    }
    bytes
}

/// A file as the header and the payload have it; they can differ.
#[derive(Clone, Debug)]
pub struct File {
    /// Path in the header's list.
    pub path: String,
    /// `st_mode` in both.
    pub mode: u32,
    /// Size in the header.
    pub size: u32,
    /// A link's target in the header.
    pub target: String,
    /// Name in the payload.
    pub name: String,
    /// Declared size in the payload.
    pub declared: u32,
    /// Link count in the payload.
    pub links: u32,
    /// Inode number in both.
    pub inode: u32,
    /// What follows in the payload.
    pub data: Vec<u8>,
}

impl File {
    /// One where header and payload agree.
    pub fn new(path: &str, mode: u32, data: &[u8]) -> Self {
        let target = if mode & 0o170_000 == 0o120_000 { data } else { b"" };
        Self {
            path: path.to_owned(),
            mode,
            size: data.len() as u32,
            target: String::from_utf8_lossy(target).into_owned(),
            name: format!(".{path}"),
            declared: data.len() as u32,
            links: 1,
            inode: path.bytes().map(u32::from).sum(),
            data: data.to_vec(),
        }
    }
}

/// The payload of files, uncompressed, with its trailer.
pub fn payload(files: &[File]) -> Vec<u8> {
    let mut archive = Vec::new();
    for file in files {
        entry(&mut archive, file);
    }
    let mut trailer = File::new("", 0, b"");
    trailer.name = "TRAILER!!!".to_owned();
    entry(&mut archive, &trailer);
    archive
}

fn entry(archive: &mut Vec<u8>, file: &File) {
    let fields = [
        file.inode,
        file.mode,
        0,
        0,
        file.links,
        0,
        file.declared,
        0,
        0,
        0,
        0,
        file.name.len() as u32 + 1,
        0,
    ];
    archive.extend(b"070701");
    fields.iter().for_each(|field| archive.extend(format!("{field:08x}").bytes()));
    archive.extend(file.name.bytes());
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend(&file.data);
    archive.resize(archive.len().next_multiple_of(4), 0);
}

/// The main header's entries for these files.
pub fn entries(files: &[File]) -> Vec<Entry> {
    let directory = |f: &File| f.path[..f.path.rfind('/').map_or(0, |n| n + 1)].to_owned();
    let directories: Vec<String> = files.iter().map(directory).collect();
    let bases: Vec<&str> =
        files.iter().zip(&directories).map(|(f, d)| &f.path[d.len()..]).collect();
    let directories: Vec<&str> = directories.iter().map(String::as_str).collect();
    let targets: Vec<&str> = files.iter().map(|f| f.target.as_str()).collect();
    let numbers = |of: &dyn Fn(&File) -> u32| files.iter().map(of).collect::<Vec<u32>>();
    let modes: Vec<u16> = files.iter().map(|f| f.mode as u16).collect();
    vec![
        Entry::text(1000, "hostile"),
        Entry::text(1001, "1"),
        Entry::text(1002, "1"),
        Entry::text(1022, "noarch"),
        Entry::numbers(1028, &numbers(&|f| f.size)),
        Entry::shorts(1030, &modes),
        Entry::texts(1036, &targets),
        Entry::numbers(1096, &numbers(&|f| f.inode)),
        Entry::numbers(1116, &(0..files.len() as u32).collect::<Vec<_>>()),
        Entry::texts(1117, &bases),
        Entry::texts(1118, &directories),
        Entry::text(1124, "cpio"),
        Entry::text(1125, "xz"),
    ]
}

/// A package file of two headers and an uncompressed payload, which is put into an xz stream.
pub fn package(signature: &[u8], main: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut file = vec![0xed, 0xab, 0xee, 0xdb, 3, 0];
    file.resize(96, 0);
    file.extend(signature);
    file.resize(file.len().next_multiple_of(8), 0);
    file.extend(main);
    file.extend(xz(payload));
    file
}

/// A package of files with right headers.
pub fn of_files(files: &[File]) -> Vec<u8> {
    package(&header(62, &[]), &header(63, &entries(files)), &payload(files))
}

fn xz(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut command = std::process::Command::new("xz");
    command.args(["-0", "-c"]).stdin(std::process::Stdio::piped());
    let mut child = crate::programs::start("xz", command.stdout(std::process::Stdio::piped()));
    let mut to = child.stdin.take().expect("piped");
    let data = data.to_vec();
    let writer = std::thread::spawn(move || to.write_all(&data).expect("xz reads"));
    let output = child.wait_with_output().expect("xz");
    writer.join().expect("writer");
    output.stdout
}
