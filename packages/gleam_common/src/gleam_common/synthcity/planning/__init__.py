"""How a city is planned: streets, sites, buildings, trees, stands."""
