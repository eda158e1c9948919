"""How the service is: samples of what is stored, and what an operator should look at."""
