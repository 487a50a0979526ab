#!/bin/sh
# Run by the packages feed in a router's root file system, with the package installed: NAME VERSION.

[ "$1" = homeca ] || exit 1

homeca --version 2>&1 | grep -F "$2" || exit 1

# A wrong configuration is told in a sentence and ends with its own status.
wrong=$(mktemp)
printf "config homeca 'main'\n\toption enforce 'of'\n" >"$wrong"
homeca serve --config "$wrong" 2>"$wrong.log"
status=$?
grep -F enforce "$wrong.log" || status=1
rm -f "$wrong" "$wrong.log"
[ "$status" = 4 ]
