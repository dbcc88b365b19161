"""What all three hulls read: the declaration of a product, its tables, contracts, features and profiles."""
