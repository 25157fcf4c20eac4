//! What Home Assistant calls what is measured: it takes a class only with a unit of its own.

/// The name of a property, its units, the class, and how values add up.
type Class = (&'static str, &'static [&'static str], &'static str, &'static str);

const SENSORS: &[Class] = &[
    ("temperature", &["°C", "°F", "K"], "temperature", "measurement"),
    ("humidity", &["%"], "humidity", "measurement"),
    ("soil_moisture", &["%"], "moisture", "measurement"),
    (
        "pressure",
        &["hPa", "kPa", "Pa", "mbar"],
        "pressure",
        "measurement",
    ),
    ("illuminance", &["lx"], "illuminance", "measurement"),
    ("battery", &["%"], "battery", "measurement"),
    ("power", &["W", "kW"], "power", "measurement"),
    ("energy", &["kWh", "Wh", "MWh"], "energy", "total_increasing"),
    ("voltage", &["V", "mV"], "voltage", "measurement"),
    ("current", &["A", "mA"], "current", "measurement"),
    ("co2", &["ppm"], "carbon_dioxide", "measurement"),
    ("pm25", &["µg/m³"], "pm25", "measurement"),
    (
        "voc",
        &["ppb", "ppm"],
        "volatile_organic_compounds_parts",
        "measurement",
    ),
];

const BINARY: &[(&str, &str)] = &[
    ("motion", "motion"),
    ("presence", "occupancy"),
    ("open", "opening"),
    ("water_leak", "moisture"),
    ("smoke", "smoke"),
    ("gas", "gas"),
    ("carbon_monoxide", "carbon_monoxide"),
    ("vibration", "vibration"),
    ("battery_low", "battery"),
    ("tamper", "tamper"),
    ("heating", "heat"),
];

/// The class of a sensor, and its state class; a number with a unit that is not known is measured all the same.
pub(crate) fn sensor(name: &str, unit: Option<&str>) -> (Option<&'static str>, Option<&'static str>) {
    let Some(unit) = unit else {
        return (None, None);
    };
    let is_of = |class: &str| {
        let before = name.strip_suffix(class);
        let behind = name.strip_prefix(class);
        before.is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
            || behind.is_some_and(|rest| rest.starts_with('_'))
    };
    let mut known = SENSORS.iter();
    let found = known.find(|(class, units, ..)| is_of(class) && units.contains(&unit));
    found.map_or((None, Some("measurement")), |(.., class, state)| {
        (Some(class), Some(state))
    })
}

/// The class of what is on or off.
pub(crate) fn binary_sensor(name: &str) -> Option<&'static str> {
    BINARY
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, class)| *class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_goes_with_its_unit() {
        assert_eq!(
            sensor("device_temperature", Some("°C")),
            (Some("temperature"), Some("measurement"))
        );
        assert_eq!(
            sensor("power_l1", Some("W")),
            (Some("power"), Some("measurement"))
        );
        assert_eq!(
            sensor("energy", Some("kWh")),
            (Some("energy"), Some("total_increasing"))
        );
        assert_eq!(sensor("power_outage_count", None), (None, None));
        assert_eq!(sensor("temperature", Some("mired")), (None, Some("measurement")));
        assert_eq!(binary_sensor("open"), Some("opening"));
        assert_eq!(binary_sensor("child_lock"), None);
    }
}
