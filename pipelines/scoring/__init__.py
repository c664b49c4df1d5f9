"""Statistical price scores: ALPS, IFPA, rolling maxima; arrays in, arrays out."""
