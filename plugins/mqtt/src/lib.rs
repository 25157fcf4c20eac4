//! A bridge between the bus and an MQTT broker.
