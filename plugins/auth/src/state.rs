//! All that the plugin knows.

use kernel_core::{Context, Error};

use crate::attempts::Attempts;
use crate::audit::Audit;
use crate::hashing::Hashing;
use crate::keys::Keys;
use crate::passwords::Passwords;
use crate::sessions::Sessions;
use crate::settings::Settings;
use crate::slow::Slow;

/// See the crate's documentation.
#[derive(Default)]
pub struct Auth {
    pub(crate) settings: Settings,
    pub(crate) keys: Keys,
    pub(crate) sessions: Sessions,
    pub(crate) passwords: Passwords,
    pub(crate) hashing: Hashing,
    /// Wrong keys.
    pub(crate) attempts: Attempts,
    /// Wrong passwords, of which others than those with wrong keys are to be kept from trying.
    pub(crate) logins: Attempts,
    pub(crate) audit: Audit,
    pub(crate) slow: Slow,
}

impl Auth {
    pub(crate) async fn loaded(cx: &Context, settings: Settings) -> Result<Auth, Error> {
        settings.check()?;
        let attempts = || Attempts::new(settings.attempts_per_peer, settings.attempts_of_all);
        Ok(Auth {
            keys: Keys::load(cx, settings.max_keys as usize).await?,
            passwords: Passwords::load(cx).await?,
            audit: Audit::load(cx, settings.audit_entries).await?,
            attempts: attempts(),
            logins: attempts(),
            settings,
            ..Auth::default()
        })
    }
}
