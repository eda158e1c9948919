"""What a model is: cards, licences, calibrations, the arithmetic that suits the processor."""
