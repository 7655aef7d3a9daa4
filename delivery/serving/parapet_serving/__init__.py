"""The inference server of the platform's models. `README.md` beside this package says what it promises."""
