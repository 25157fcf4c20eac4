//! Modules: which are taken, and within which limits they run.

use std::fs;
use std::path::Path;

use plugin_wasm::packed::{IMPORTS, SECTION, SERVICES};
use wasmi::{
    CompilationMode, Config, EnforcedLimits, Engine, ExternType, Module, StoreLimits, StoreLimitsBuilder,
    ValType,
};

use super::Sandbox;
use super::imports::NAMES;
use crate::error::InstallError;
use crate::manifest::Manifest;

/// The largest module, in bytes.
const MAX_MODULE: u64 = 32 << 20;

/// Elements of its tables: of functions that are called by pointer.
const TABLE: usize = 1 << 16;

/// The function that runs a life.
pub(super) const RUN: &str = "run";

/// The memory.
pub(super) const MEMORY: &str = "memory";

impl Sandbox {
    /// For the `module` in the folder of this manifest.
    pub(crate) fn of(manifest: &Manifest, folder: &Path, module: &str) -> Sandbox {
        Sandbox {
            module: folder.join(module),
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            memory_mb: manifest.limits.memory_mb,
        }
    }

    /// Whether the module can be run.
    ///
    /// # Errors
    /// `invalid_module`, with what is wrong.
    pub(crate) fn check(&self) -> Result<(), InstallError> {
        let file = self.module.file_name().unwrap_or_default().display();
        self.load()
            .map(drop)
            .map_err(|wrong| InstallError::new("invalid_module", format!("{file}: {wrong}")))
    }

    /// Reads and compiles the module, in an engine of its own: what it takes is given back with the life.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn load(&self) -> Result<(Engine, Module), String> {
        let size = fs::metadata(&self.module)
            .map_err(|cause| cause.to_string())?
            .len();
        if size > MAX_MODULE {
            return Err(format!("{size} bytes; a module has at most {MAX_MODULE}"));
        }
        let bytes = fs::read(&self.module).map_err(|cause| cause.to_string())?;
        let mut config = Config::default();
        config
            // A function that is compiled when it is called takes fuel for that, and what is left of a slice may be too
            // little: the call could not be resumed.
            .compilation_mode(CompilationMode::Eager)
            .consume_fuel(true)
            .allow_start_fn(false)
            .wasm_multi_memory(false)
            .wasm_custom_page_sizes(false)
            .enforced_limits(EnforcedLimits::strict());
        let engine = Engine::new(&config);
        let module = Module::new(&engine, &bytes)
            .map_err(|error| format!("not a module that is taken here: {error}"))?;
        check_imports(&module)?;
        check_exports(&module)?;
        self.check_section(&module)?;
        Ok((engine, module))
    }

    /// Its limits.
    pub(super) fn limits(&self) -> StoreLimits {
        StoreLimitsBuilder::new()
            .memory_size((self.memory_mb as usize) << 20)
            .memories(1)
            .tables(4)
            .table_elements(TABLE)
            .instances(1)
            .trap_on_grow_failure(true)
            .build()
    }

    /// What the module says that it is, where it does, is what its manifest says.
    fn check_section(&self, module: &Module) -> Result<(), String> {
        let mut sections = module.custom_sections();
        let Some(section) = sections.find(|section| section.name() == SECTION) else {
            return Ok(());
        };
        let mut parts = section.data().split(|byte| *byte == 0);
        let mut next = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
        let (name, version) = (next(), next());
        match name == self.name && version == self.version {
            true => Ok(()),
            false => Err(format!(
                "the module says that it is {name} {version}, its manifest {} {}",
                self.name, self.version
            )),
        }
    }
}

fn check_imports(module: &Module) -> Result<(), String> {
    for import in module.imports() {
        let (of, name) = (import.module(), import.name());
        if of != IMPORTS || !NAMES.contains(&name) {
            let known = NAMES.join(", ");
            return Err(format!(
                "it imports {of:?} {name:?}, which is not there; there are, of {IMPORTS:?}: {known}"
            ));
        }
    }
    Ok(())
}

fn check_exports(module: &Module) -> Result<(), String> {
    let export = |wanted: &str| {
        module
            .exports()
            .find(|export| export.name() == wanted)
            .map(|export| export.ty().clone())
    };
    match export(SERVICES) {
        None => {}
        Some(ExternType::Func(of)) if of.params().is_empty() && of.results() == [ValType::I64] => {}
        Some(_) => {
            return Err(format!(
                "it exports {SERVICES:?}, which is no function without parameters that returns an i64"
            ));
        }
    }
    let runs = matches!(export(RUN), Some(ExternType::Func(of)) if of.params().is_empty() && of.results().is_empty());
    match (runs, export(MEMORY)) {
        (true, Some(ExternType::Memory(_))) => Ok(()),
        (false, _) => Err(format!(
            "it exports no function {RUN:?} without parameters and results"
        )),
        (true, _) => Err(format!("it exports no memory {MEMORY:?}")),
    }
}
