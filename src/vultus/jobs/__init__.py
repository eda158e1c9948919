"""Work in the background: one job after the other, with stored progress, cancelled or resumed."""
