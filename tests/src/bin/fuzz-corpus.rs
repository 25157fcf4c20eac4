//! Writes what the fuzzer begins with: a folder for each target in the folder that is named.

use std::path::Path;
use std::{fs, io};

use tests::fuzz::TARGETS;

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "corpus".to_owned());
    for target in TARGETS {
        let folder = Path::new(&folder).join(target.name);
        fs::create_dir_all(&folder)?;
        for (n, bytes) in (target.corpus)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{n}")), bytes)?;
        }
        println!("{}", target.name);
    }
    Ok(())
}
