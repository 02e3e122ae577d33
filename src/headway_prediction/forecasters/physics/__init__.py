"""Train movement: the prior that the network corrects."""
