//! What a plugin logs, by `log` or by `tracing`, with the plugin's name.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::panics;

/// The field.
const PLUGIN: &str = "plugin";

/// A format whose lines name the plugin whose code logs, on the thread that runs it, unless they do anyway.
pub(crate) struct WithPlugin<F>(pub(crate) F);

impl<S, N, F> FormatEvent<S, N> for WithPlugin<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let plugin = panics::plugin().filter(|_| event.metadata().fields().field(PLUGIN).is_none());
        let Some(plugin) = plugin else {
            return self.0.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        writer.write_str(&named(&line, plugin))
    }
}

/// The line with the plugin's name, which has nothing in it that would have to be escaped.
fn named(line: &str, plugin: &str) -> String {
    let line = line.trim_end_matches('\n');
    match line.strip_suffix('}').filter(|_| line.starts_with('{')) {
        Some(object) => format!("{object},\"{PLUGIN}\":\"{plugin}\"}}\n"),
        None => format!("{line} {PLUGIN}=\"{plugin}\"\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_plugin_in_its_format() {
        assert_eq!(
            named("INFO lamp: on\n", "lamp"),
            "INFO lamp: on plugin=\"lamp\"\n"
        );
        assert_eq!(
            named("INFO lamp: {on}\n", "lamp"),
            "INFO lamp: {on} plugin=\"lamp\"\n"
        );
        assert_eq!(
            named("{\"level\":\"INFO\",\"message\":\"{on}\"}\n", "lamp"),
            "{\"level\":\"INFO\",\"message\":\"{on}\",\"plugin\":\"lamp\"}\n"
        );
    }
}
