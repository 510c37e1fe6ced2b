"""The C++ back end: source, compiler, and the library that it makes."""
