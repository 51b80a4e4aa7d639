"""How a scene is turned into pictures: meshes, rays, looks of surfaces, light and sensor. ``scene.py`` is the door."""
