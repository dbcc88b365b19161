"""The registry of models: aliases, adoption of models trained elsewhere, cards, and handing models out."""
