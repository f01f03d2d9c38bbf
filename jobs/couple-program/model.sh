#!/bin/sh
# The same model for Dakota's formats: number and name on a line in, numbers out.
exec awk '
  $2 == "intercept" { a = $1 }
  $2 == "slope" { b = $1 }
  END { for (x = 0; x < 4; ++x) printf "%.17g point_%d\n", a + x * b, x }' "$1" > "$2"
