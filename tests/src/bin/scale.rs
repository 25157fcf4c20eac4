//! Many runtimes at one NATS server, on this machine: see [`tests::scale`].
//!
//! ```text
//! scale [--runtimes N] [--together N] [--seconds N] [--plugins a,b] [--storage] [--debug]
//! ```

use std::process::ExitCode;
use std::time::Duration;

use tests::scale::Scale;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("scale: {cause}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (mut runtimes, mut together, mut seconds) = (200, 1, 10);
    let (mut plugins, mut storage, mut profile) = (Vec::new(), false, "release");
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = |most: usize| {
            let value = words.next().unwrap_or_default();
            match value.parse() {
                Ok(number) if (1..=most).contains(&number) => Ok(number),
                _ => Err(format!(
                    "{word} is {value:?}; allowed is a number from 1 to {most}"
                )),
            }
        };
        match word.as_str() {
            "--runtimes" => runtimes = number(2_000)?,
            "--together" => together = number(2_000)?,
            "--seconds" => seconds = number(600)?,
            "--plugins" => {
                let list = words.next().unwrap_or_default();
                plugins = list
                    .split(',')
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned)
                    .collect();
            }
            "--storage" => storage = true,
            "--debug" => profile = "dev",
            _ => {
                return Err(format!(
                    "{word:?} is not known; there are --runtimes, --together, --seconds, --plugins, --storage, --debug"
                ));
            }
        }
    }
    let scale = Scale {
        binary: tests::binary("host-std", profile)?,
        runtimes,
        together,
        plugins,
        storage,
        time: Duration::from_secs(seconds as u64),
    };
    let found = scale.run()?;
    println!("runtimes                         {runtimes}, {together} in a cluster, {profile}");
    println!(
        "start of all                     {:.1} s",
        found.start.as_secs_f64()
    );
    println!("memory of one, its share         {:.1} MiB", found.pss / 1024.0);
    println!(
        "memory of one, its own           {:.1} MiB",
        found.private / 1024.0
    );
    println!(
        "memory of the server             {:.1} MiB",
        found.server / 1024.0
    );
    println!("one when idle wakes              {:.1} /s", found.wakes);
    println!("one when idle, processor         {:.2} ms/s", found.idle);
    println!("the server then, processor       {:.1} ms/s", found.server_idle);
    println!(
        "events published and arrived     {} and {}",
        found.published, found.arrived
    );
    println!("events a second                  {:.0}", found.rate);
    Ok(())
}
