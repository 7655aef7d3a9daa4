"""From a hospital's intake feed to a table of features: made up, held to its contract, and de-identified.

Four steps, each a function over Parquet paths or Ibis tables with a small typed result: `generating.generate`,
`validation.validate`, `deidentification.deidentify`, and what they share (`contract`, `dataset`).
"""
