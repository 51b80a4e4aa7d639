"""Teachers: large vision-language models behind an OpenAI-compatible endpoint that say why two pictures match."""
