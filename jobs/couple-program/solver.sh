#!/bin/sh
# A solver that knows nothing of Invar: input.txt in, a log with the results among other things out.
exec awk '
  $1 == "intercept" { a = $3 }
  $1 == "slope" { b = $3 }
  END {
    print "solver 1.0"
    for (x = 0; x < 4; ++x) printf "at x = %d: y = %.17g (converged)\n", x, a + x * b
  }' input.txt
