"""The bilingual benchmark: pairs of pictures, whether they show one place, and reasons that can be checked."""
