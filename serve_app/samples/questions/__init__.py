"""The sound files (16 kHz mono) and questions.json, which says what is asked in each."""
