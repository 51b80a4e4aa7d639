"""The offline base: a small Qwen2.5-VL that learns to see and to compare on SynthCity, where no hub can be reached."""
