"""What every verification shares: findings, claims, and tables read a second time."""
