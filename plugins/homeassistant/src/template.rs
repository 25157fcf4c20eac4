//! Templates of Home Assistant's discovery, which say what of a message is the value: Jinja, run by minijinja.
//!
//! There are `value` and `value_json`, and Jinja's own filters and tests. What Home Assistant adds to Jinja (`states()`,
//! `now()` and such) and Python's methods are not there: a template that needs them is refused.

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, context};

/// The most bytes of a template.
const MAX_LEN: usize = 4_096;
/// The most steps of one run.
const FUEL: u64 = 5_000;
/// The most bytes of what it makes.
const MAX_OUTPUT: usize = 16 * 1024;
const NAME: &str = "template";
/// What Jinja itself has beside the two values.
const FUNCTIONS: [&str; 5] = ["value", "value_json", "range", "dict", "namespace"];

/// A template that is read.
pub(crate) struct Template {
    environment: Environment<'static>,
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Template(..)")
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What of it is not understood.
    pub(crate) fn read(text: &str) -> Result<Template, String> {
        if text.len() > MAX_LEN {
            return Err(format!(
                "a template of {} bytes, at most {MAX_LEN} are read",
                text.len()
            ));
        }
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_formatter(as_python);
        environment.add_filter("float", float);
        environment.add_filter("int", int);
        let refused = |error: Error| format!("a template that is not understood: {error}");
        environment
            .add_template_owned(NAME, text.to_owned())
            .map_err(refused)?;
        let template = Template { environment };
        template.check()?;
        Ok(template)
    }

    /// That it names nothing but what there is.
    fn check(&self) -> Result<(), String> {
        let read = self.environment.get_template(NAME);
        let read = read.map_err(|error| error.to_string())?;
        let mut names: Vec<_> = read.undeclared_variables(false).into_iter().collect();
        names.sort();
        if let Some(name) = names.iter().find(|name| !FUNCTIONS.contains(&name.as_str())) {
            return Err(format!("a template with {name}, which is not known"));
        }
        // A filter that is not there is found where it is run.
        for value in ["1", "{}", ""] {
            if let Err(error) = self.render(value)
                && matches!(
                    error.kind(),
                    ErrorKind::UnknownFilter
                        | ErrorKind::UnknownFunction
                        | ErrorKind::UnknownTest
                        | ErrorKind::UnknownMethod
                )
            {
                return Err(format!("a template that is not understood: {error}"));
            }
        }
        Ok(())
    }

    /// What it makes of a message, without white space around it.
    ///
    /// # Errors
    /// What went wrong.
    pub(crate) fn run(&self, message: &str) -> Result<String, String> {
        let made = self.render(message).map_err(|error| error.to_string())?;
        match made.len() <= MAX_OUTPUT {
            true => Ok(made.trim().to_owned()),
            false => Err(format!("{} bytes, at most {MAX_OUTPUT} are taken", made.len())),
        }
    }

    fn render(&self, message: &str) -> Result<String, Error> {
        let template = self.environment.get_template(NAME)?;
        match serde_json::from_str::<Value>(message) {
            Ok(json) => template.render(context! { value => message, value_json => json }),
            Err(_) => template.render(context! { value => message }),
        }
    }
}

/// Values are written as Python does, for what is compared with them is written so.
fn as_python(out: &mut Output, _: &mut State, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Undefined => Ok(()),
        ValueKind::None => out.write_str("None").map_err(Error::from),
        ValueKind::Bool if value.is_true() => out.write_str("True").map_err(Error::from),
        ValueKind::Bool => out.write_str("False").map_err(Error::from),
        _ => out.write_str(&value.to_string()).map_err(Error::from),
    }
}

/// A number; `default` for what is none. Without it that is an error, for it is no zero.
fn float(value: &Value, default: Option<Value>) -> Result<Value, Error> {
    let number = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => f64::try_from(value.clone()).ok(),
    };
    match (number, default) {
        (Some(number), _) => Ok(Value::from(number)),
        (None, Some(default)) => Ok(default),
        (None, None) => Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("{value:?} is no number"),
        )),
    }
}

fn int(value: &Value, default: Option<Value>) -> Result<Value, Error> {
    let number = float(value, None)
        .ok()
        .and_then(|number| f64::try_from(number).ok());
    match (number.filter(|number| number.abs() < 9e15), default) {
        (Some(number), _) => Ok(Value::from(number as i64)),
        (None, Some(default)) => Ok(default),
        (None, None) => Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("{value:?} is no number"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, message: &str) -> Result<String, String> {
        Template::read(text)?.run(message)
    }

    #[test]
    fn the_usual_ones_are_understood() {
        let message = r#"{"x": 21.26, "on": true, "off": false, "a": {"b": ["c", "d"]}, "ENERGY": {"Power": "12"}, "z": null}"#;
        for (template, made) in [
            ("{{ value_json.x }}", "21.26"),
            ("{{value_json['x']}}", "21.26"),
            ("{{ value_json.a.b[1] }}", "d"),
            ("{{ value_json['ENERGY']['Power'] | float / 10 }}", "1.2"),
            ("{{ value_json.x | round(1) }}", "21.3"),
            ("{{ value_json.x | float | round(1) }}", "21.3"),
            ("{{ value_json.x|int }}", "21"),
            ("{{ (value_json.x | float * 2) | round(0) | int }}", "43"),
            ("{{ value_json.on }}", "True"),
            ("{{ value_json.off }}", "False"),
            ("{{ value_json.z }}", "None"),
            ("{{ value_json.missing }}", ""),
            ("{{ value_json.missing.deeper }}", ""),
            ("{{ value_json.missing | default('?') }}", "?"),
            ("{{ value_json.missing | float(0) }}", "0"),
            ("{{ 'ON' if value_json.on else 'OFF' }}", "ON"),
            ("{% if value_json.x > 20 %}warm{% else %}cold{% endif %}", "warm"),
            ("  {{ value_json.a.b | join('-') }} ", "c-d"),
            ("{{ value_json.a | tojson }}", r#"{"b": ["c", "d"]}"#),
            ("fixed", "fixed"),
        ] {
            assert_eq!(run(template, message), Ok(made.to_owned()), "{template}");
        }
        assert_eq!(run("{{ value }}", "plain"), Ok("plain".to_owned()));
        assert_eq!(run("{{ value | upper }}", "plain"), Ok("PLAIN".to_owned()));
        assert_eq!(run("{{ value_json }}", "5"), Ok("5".to_owned()));
        assert_eq!(run("{{ value_json.x }}", "not JSON"), Ok(String::new()));
    }

    #[test]
    fn others_are_refused_with_a_reason() {
        for (template, why) in [
            ("{{ states('sun.sun') }}", "states, which is not known"),
            ("{{ now().year }}", "now, which is not known"),
            ("{{ value | as_timestamp }}", "filter as_timestamp is unknown"),
            ("{{ value_json.get('x') }}", "no method named get"),
            ("{{ value_json.x", "unexpected end"),
            ("{% include 'other' %}", "not understood"),
            (&"x".repeat(5_000), "5000 bytes"),
        ] {
            let error = Template::read(template).unwrap_err();
            assert!(error.contains(why), "{template}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_made_is_an_error_and_never_ends_in_harm() {
        for (template, message) in [
            ("{{ value | float }}", "n/a"),
            ("{{ value | int }}", "1e99"),
            ("{{ value_json.x | int }}", "{}"),
            ("{{ 'x' * 1000000000 }}", ""),
            ("{{ value * 20000 }}", "abc"),
            (
                "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
                "",
            ),
            ("{{ 1 / 0 }}", ""),
        ] {
            assert!(run(template, message).is_err(), "{template}");
        }
    }
}
