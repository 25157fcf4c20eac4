//! Rules for the house, for those who want to see some.

use kernel_core::{Json, json_literal};

use crate::world::World;

/// A rule, and the devices that it is of.
pub(crate) struct HouseRule {
    needs: &'static [&'static str],
    pub(crate) json: Json<'static>,
}

impl HouseRule {
    /// Whether its devices are there.
    pub(crate) fn fits(&self, world: &World) -> bool {
        let is_there = |id: &&str| world.things.iter().any(|thing| thing.id == *id);
        self.needs.iter().all(is_there)
    }
}

/// In the kitchen there is light while somebody moves in the dark; who leaves last turns off the lights and the heating;
/// who comes home finds it warm; in the morning the living room is lit a little.
pub(crate) const RULES: [HouseRule; 4] = [
    HouseRule {
        needs: &["motion_kitchen", "lamp_kitchen"],
        json: json_literal!(
            r#"{"id":"sim_kitchen_light","name":"Light in the kitchen while somebody moves","mode":"restart",
            "triggers":[{"event":"device.state_changed","when":{"and":[
                {"event":"/payload/device_id","eq":"motion_kitchen"},{"event":"/payload/new/motion","eq":true}]}}],
            "conditions":[{"time":{"after":"16:00","before":"08:00"}}],
            "actions":[{"service":"devices.turn_on","args":"lamp_kitchen"},{"delay":300},
                {"service":"devices.turn_off","args":"lamp_kitchen"}]}"#
        ),
    },
    HouseRule {
        needs: &["lamp_kitchen", "lamp_living", "thermostat_kitchen"],
        json: json_literal!(
            r#"{"id":"sim_nobody_home","name":"All off when the last one leaves",
            "triggers":[{"state":"presence.anyone","from":true,"to":false}],
            "actions":[{"service":"devices.turn_off","args":"lamp_kitchen"},
                {"service":"devices.turn_off","args":"lamp_living"},
                {"service":"devices.set_state","args":{"id":"thermostat_kitchen","state":{"target":17}}}]}"#
        ),
    },
    HouseRule {
        needs: &["lamp_living", "thermostat_kitchen"],
        json: json_literal!(
            r#"{"id":"sim_somebody_home","name":"Warm when somebody comes home",
            "triggers":[{"state":"presence.anyone","to":true}],
            "actions":[{"service":"devices.set_state","args":{"id":"thermostat_kitchen","state":{"target":21}}},
                {"choose":[{"if":{"time":{"after":"17:00","before":"07:00"}},
                    "then":[{"service":"devices.turn_on","args":"lamp_living"}]}]}]}"#
        ),
    },
    HouseRule {
        needs: &["dimmer_living"],
        json: json_literal!(
            r#"{"id":"sim_morning","name":"A little light in the morning",
            "triggers":[{"time":"06:30"}],"conditions":[{"state":"presence.anyone","eq":true}],
            "actions":[{"service":"devices.set_state",
                "args":{"id":"dimmer_living","state":{"on":true,"brightness":30}}},{"delay":3600},
                {"service":"devices.turn_off","args":"dimmer_living"}]}"#
        ),
    },
];
