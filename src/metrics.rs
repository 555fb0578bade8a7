//! ACC_presence and ACC_salience of the BlEmoRE challenge, and what else describes a set of decisions.
