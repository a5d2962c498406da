"""Home automation over MQTT: what it is told, how it finds this machine, and the connection to the broker."""
