# Completes each line of standard input in an interactive zsh in which the script in
# the folder $1 is installed, and prints the matches on a line.
zmodload zsh/zpty
zpty shell 'zsh -f -i'
zpty -w shell "cd ${(q)1} && source ./setup.zsh && print READY-\$((1 + 1))"
zpty -r -m shell text '*READY-2*'
while IFS= read -r line; do
	zpty -w -n shell "$line"$'\x18'
	zpty -r -m shell text '*</matches>*'
	print -r -- ${${text%%</matches>*}##*<matches>}
done
zpty -d shell
