//! Plugins of other runtimes as this one has them: each is attached as `runtime/plugin`, so that its events have a source
//! and its calls a caller, and all of it is taken back when that runtime goes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, RwLock};

use kernel_core::{AttachedPlugin, Attachment, CallId, Context, Fault, Kernel, Mailbox, Message, PluginId};
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use crate::lock::{lock, read, write};

/// The plugin of a runtime that owns its services here.
pub(crate) const OWNER: &str = "cluster";

/// Bytes of a call, its service's name included.
pub(crate) const CALL_BYTES: usize = 64 * 1024 + 256;

/// A call of a service of another runtime's.
pub(crate) struct FarCall {
    pub(crate) runtime: Arc<str>,
    pub(crate) mailbox: Mailbox,
    pub(crate) id: CallId,
    pub(crate) service: String,
    pub(crate) args: Vec<u8>,
}

/// All that is attached.
pub(crate) struct FarPlugins {
    kernel: Kernel,
    reactor: Handle,
    calls: UnboundedSender<FarCall>,
    /// By runtime, by plugin.
    attached: Mutex<HashMap<String, HashMap<String, FarPlugin>>>,
    /// Each that was ever attached: an event may be read long after its source is gone.
    ever: RwLock<HashSet<u32>>,
}

struct FarPlugin {
    // Ends before what it reads is taken out.
    task: JoinHandle<()>,
    cx: Context,
    _attached: AttachedPlugin,
}

impl Drop for FarPlugin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FarPlugins {
    /// What is called comes out of `calls`.
    pub(crate) fn new(kernel: Kernel, calls: UnboundedSender<FarCall>) -> Self {
        FarPlugins {
            kernel,
            reactor: Handle::current(),
            calls,
            attached: Mutex::default(),
            ever: RwLock::default(),
        }
    }

    /// True for one that is, or was, of another runtime.
    pub(crate) fn is_far(&self, who: PluginId) -> bool {
        read(&self.ever).contains(&who.to_bits())
    }

    /// How many are attached.
    pub(crate) fn count(&self) -> usize {
        lock(&self.attached).values().map(HashMap::len).sum()
    }

    /// The way to the kernel of this plugin of this runtime, which is attached where it is not.
    ///
    /// # Errors
    /// Those of [`AttachedPlugin::attach`]: no room, or a name that has none.
    pub(crate) fn context(&self, runtime: &str, plugin: &str) -> Result<Context, Fault> {
        let mut all = lock(&self.attached);
        if let Some(found) = all.get(runtime).and_then(|plugins| plugins.get(plugin)) {
            return Ok(found.cx);
        }
        let attachment = Attachment {
            name: plugin,
            runtime,
            description: "A plugin of another runtime",
            placement: "cluster",
            ..Attachment::default()
        };
        let attached = AttachedPlugin::attach(self.kernel, &attachment)?;
        let mailbox = attached.installed().mailbox();
        let cx = mailbox.context();
        write(&self.ever).insert(cx.id().to_bits());
        let calls = self.calls.clone();
        let size = if plugin == OWNER { CALL_BYTES } else { 256 };
        let task = self.reactor.spawn(live(mailbox, runtime.into(), size, calls));
        let far = FarPlugin {
            task,
            cx,
            _attached: attached,
        };
        all.entry(runtime.to_owned())
            .or_default()
            .insert(plugin.to_owned(), far);
        Ok(cx)
    }

    /// Takes a plugin out whose life was ended by somebody here.
    pub(crate) fn forget(&self, runtime: &str, plugin: &str) {
        let gone = lock(&self.attached)
            .get_mut(runtime)
            .and_then(|plugins| plugins.remove(plugin));
        drop(gone);
    }

    /// Takes all plugins of a runtime out: what is called of them ends as gone.
    pub(crate) fn remove(&self, runtime: &str) {
        let gone = lock(&self.attached).remove(runtime);
        drop(gone);
    }
}

/// Runs the life of an attached plugin: it does what it is led to, and passes its calls on.
async fn live(mailbox: Mailbox, runtime: Arc<str>, size: usize, calls: UnboundedSender<FarCall>) {
    let mut buf = vec![0; size];
    loop {
        match mailbox.next(&mut buf).await {
            Message::Call(call) => {
                let call = FarCall {
                    runtime: runtime.clone(),
                    mailbox,
                    id: call.id,
                    service: call.service().to_owned(),
                    args: call.args().as_bytes().to_vec(),
                };
                if calls.send(call).is_err() {
                    return;
                }
            }
            Message::Ended => return,
            _ => {}
        }
    }
}
