//! The short forms of Home Assistant's discovery, written out.

use serde_json::{Map, Value};

/// Keys of an entity, of its availability, and of a whole message.
const KEYS: &[(&str, &str)] = &[
    ("act_t", "action_topic"),
    ("act_tpl", "action_template"),
    ("avty", "availability"),
    ("avty_mode", "availability_mode"),
    ("avty_t", "availability_topic"),
    ("avty_tpl", "availability_template"),
    ("bri_cmd_t", "brightness_command_topic"),
    ("bri_cmd_tpl", "brightness_command_template"),
    ("bri_scl", "brightness_scale"),
    ("bri_stat_t", "brightness_state_topic"),
    ("bri_val_tpl", "brightness_value_template"),
    ("clr_temp_cmd_t", "color_temp_command_topic"),
    ("clr_temp_cmd_tpl", "color_temp_command_template"),
    ("clr_temp_stat_t", "color_temp_state_topic"),
    ("clr_temp_val_tpl", "color_temp_value_template"),
    ("cmd_t", "command_topic"),
    ("cmd_tpl", "command_template"),
    ("cmps", "components"),
    ("curr_hum_t", "current_humidity_topic"),
    ("curr_hum_tpl", "current_humidity_template"),
    ("curr_temp_t", "current_temperature_topic"),
    ("curr_temp_tpl", "current_temperature_template"),
    ("dev", "device"),
    ("dev_cla", "device_class"),
    ("hs_cmd_t", "hs_command_topic"),
    ("hs_cmd_tpl", "hs_command_template"),
    ("hs_stat_t", "hs_state_topic"),
    ("hs_val_tpl", "hs_value_template"),
    ("max_mirs", "max_mireds"),
    ("min_mirs", "min_mireds"),
    ("mode_cmd_t", "mode_command_topic"),
    ("mode_cmd_tpl", "mode_command_template"),
    ("mode_stat_t", "mode_state_topic"),
    ("mode_stat_tpl", "mode_state_template"),
    ("o", "origin"),
    ("obj_id", "object_id"),
    ("ops", "options"),
    ("p", "platform"),
    ("pct_cmd_t", "percentage_command_topic"),
    ("pct_cmd_tpl", "percentage_command_template"),
    ("pct_stat_t", "percentage_state_topic"),
    ("pct_val_tpl", "percentage_value_template"),
    ("pl_avail", "payload_available"),
    ("pl_cls", "payload_close"),
    ("pl_lock", "payload_lock"),
    ("pl_not_avail", "payload_not_available"),
    ("pl_off", "payload_off"),
    ("pl_on", "payload_on"),
    ("pl_open", "payload_open"),
    ("pl_prs", "payload_press"),
    ("pl_stop", "payload_stop"),
    ("pl_unlk", "payload_unlock"),
    ("pos_clsd", "position_closed"),
    ("pos_open", "position_open"),
    ("pos_t", "position_topic"),
    ("pos_tpl", "position_template"),
    ("ret", "retain"),
    ("rgb_cmd_t", "rgb_command_topic"),
    ("rgb_cmd_tpl", "rgb_command_template"),
    ("rgb_stat_t", "rgb_state_topic"),
    ("rgb_val_tpl", "rgb_value_template"),
    ("set_pos_t", "set_position_topic"),
    ("set_pos_tpl", "set_position_template"),
    ("spd_rng_max", "speed_range_max"),
    ("spd_rng_min", "speed_range_min"),
    ("stat_cla", "state_class"),
    ("stat_clsd", "state_closed"),
    ("stat_locked", "state_locked"),
    ("stat_off", "state_off"),
    ("stat_on", "state_on"),
    ("stat_open", "state_open"),
    ("stat_t", "state_topic"),
    ("stat_unlocked", "state_unlocked"),
    ("stat_val_tpl", "state_value_template"),
    ("sup_clrm", "supported_color_modes"),
    ("t", "topic"),
    ("temp_cmd_t", "temperature_command_topic"),
    ("temp_cmd_tpl", "temperature_command_template"),
    ("temp_stat_t", "temperature_state_topic"),
    ("temp_stat_tpl", "temperature_state_template"),
    ("temp_unit", "temperature_unit"),
    ("tilt_cmd_t", "tilt_command_topic"),
    ("tilt_cmd_tpl", "tilt_command_template"),
    ("tilt_status_t", "tilt_status_topic"),
    ("tilt_status_tpl", "tilt_status_template"),
    ("uniq_id", "unique_id"),
    ("unit_of_meas", "unit_of_measurement"),
    ("val_tpl", "value_template"),
    ("xy_cmd_t", "xy_command_topic"),
    ("xy_cmd_tpl", "xy_command_template"),
    ("xy_stat_t", "xy_state_topic"),
    ("xy_val_tpl", "xy_value_template"),
];

/// Keys of a device and of an origin.
const ABOUT: &[(&str, &str)] = &[
    ("cns", "connections"),
    ("hw", "hw_version"),
    ("ids", "identifiers"),
    ("mdl", "model"),
    ("mf", "manufacturer"),
    ("sa", "suggested_area"),
    ("sn", "serial_number"),
    ("sw", "sw_version"),
    ("url", "support_url"),
];

/// A message with all keys, and topics, written out.
pub(crate) fn expand(config: Map<String, Value>) -> Map<String, Value> {
    let mut config = renamed(config, KEYS);
    for about in ["device", "origin"] {
        if let Some(Value::Object(fields)) = config.get_mut(about) {
            *fields = renamed(std::mem::take(fields), ABOUT);
        }
    }
    match config.get_mut("availability") {
        Some(Value::Array(items)) => {
            for item in items {
                if let Value::Object(fields) = item {
                    *fields = renamed(std::mem::take(fields), KEYS);
                }
            }
        }
        Some(Value::Object(fields)) => *fields = renamed(std::mem::take(fields), KEYS),
        _ => {}
    }
    if let Some(Value::Object(components)) = config.get_mut("components") {
        for component in components.values_mut() {
            if let Value::Object(fields) = component {
                *fields = renamed(std::mem::take(fields), KEYS);
            }
        }
    }
    if let Some(Value::String(base)) = config.remove("~") {
        rebase(&mut config, &base);
    }
    config
}

fn renamed(fields: Map<String, Value>, names: &[(&str, &str)]) -> Map<String, Value> {
    let renamed = fields.into_iter().map(|(key, value)| {
        let long = names.iter().find(|(short, _)| *short == key);
        (long.map_or(key, |(_, long)| (*long).to_owned()), value)
    });
    renamed.collect()
}

/// Puts the base topic where a topic begins or ends with `~`.
fn rebase(config: &mut Map<String, Value>, base: &str) {
    for (key, value) in config.iter_mut() {
        match value {
            Value::String(text) if key.ends_with("topic") => {
                if let Some(rest) = text.strip_suffix('~').filter(|_| text.len() > 1) {
                    *text = format!("{rest}{base}");
                }
                if let Some(rest) = text.strip_prefix('~') {
                    *text = format!("{base}{rest}");
                }
            }
            Value::Array(items) if key == "availability" => {
                for item in items.iter_mut().filter_map(Value::as_object_mut) {
                    rebase(item, base);
                }
            }
            Value::Object(fields) if key == "availability" => rebase(fields, base),
            Value::Object(fields) if key == "components" => {
                for component in fields.values_mut().filter_map(Value::as_object_mut) {
                    rebase(component, base);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn short_forms_are_written_out() {
        let short = json!({
            "~": "tasmota/lamp", "name": "Lamp", "stat_t": "~/STATE", "cmd_t": "cmnd/~", "val_tpl": "{{ value_json.POWER }}",
            "avty": [{"t": "~/LWT", "pl_avail": "Online"}], "dev": {"ids": ["a"], "cns": [["mac", "b"]], "mf": "Tasmota"},
            "o": {"name": "x", "sw": "1"}, "cmps": {"one": {"p": "sensor", "stat_t": "~/one"}}, "not_known": "~/x",
        });
        let Value::Object(short) = short else { panic!() };
        let long = json!({
            "name": "Lamp", "state_topic": "tasmota/lamp/STATE", "command_topic": "cmnd/tasmota/lamp",
            "value_template": "{{ value_json.POWER }}", "availability": [{"topic": "tasmota/lamp/LWT", "payload_available": "Online"}],
            "device": {"identifiers": ["a"], "connections": [["mac", "b"]], "manufacturer": "Tasmota"},
            "origin": {"name": "x", "sw_version": "1"},
            "components": {"one": {"platform": "sensor", "state_topic": "tasmota/lamp/one"}}, "not_known": "~/x",
        });
        assert_eq!(Value::Object(expand(short)), long);
        let one = json!({"~": "a", "avty": {"t": "~"}, "stat_t": "~"});
        let Value::Object(one) = one else { panic!() };
        assert_eq!(
            Value::Object(expand(one)),
            json!({"availability": {"topic": "a"}, "state_topic": "a"})
        );
    }
}
