"""Pages to look at: one self-contained HTML file each, with its pictures, their numbers and the SQL behind them."""
