"""How long inference takes: the released models beside their counterparts in eager torch."""
