//! Model files: a whole model in one YAML document.
