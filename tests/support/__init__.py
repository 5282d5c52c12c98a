"""What tests are made of: a clock to move, orders and accounts to act with, adapters to act on."""
