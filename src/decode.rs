//! From scores to decisions: which one or two emotions a clip shows, and how salient each is.
