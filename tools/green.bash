# Completion of green(1) for bash.

_green_library_options='--stats --verbose --hubs --deterministic --max-carriers --exclude --trap --trap-except --help'
_green_trace_options='-e -o -c -s -p --slower --thread --json --folded --native --no-stacks'

# Where the program's name stands; 0: it is not there yet.
_green_program_at()
{
	local i
	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--) echo $((i + 1)); return ;;
		-[eosp] | --slower | --thread | --folded | --hubs | --max-carriers | --exclude | --trap-except)
			# --hubs=4 comes as three words.
			[[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
			((i++)) ;;
		-*) ;;
		*) echo "$i"; return ;;
		esac
	done
	echo 0
}

# Processes that a trace can be had of: those with libgreen's memory. A tool has that, too, but not the library.
_green_pids()
{
	local fd
	for fd in /proc/[0-9]*/fd/*; do
		[[ $(readlink "$fd" 2>/dev/null) == '/memfd:libgreen (deleted)' ]] || continue
		fd=${fd#/proc/}
		grep -q '/libgreen\.so' "/proc/${fd%%/*}/maps" 2>/dev/null && echo "${fd%%/*}"
	done | sort -u
}

_green_option_value()
{
	case $1 in
	-p) mapfile -t COMPREPLY < <(compgen -W "$(_green_pids)" -- "$2") ;;
	-o | --folded) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
	-e) mapfile -t COMPREPLY < <(compgen -W 'trace= %network %desc %file %process %signal %ipc %memory %creds %clock %sleep %sync
		%poll %lock' -- "$2") ;;
	-s | --slower | --thread | --hubs | --max-carriers | --exclude | --trap-except) ;;
	*) return 1 ;;
	esac
}

_green()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} at
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W 'run trace help --help --version' -- "$word")
		return
	fi
	case ${COMP_WORDS[1]} in
	help) mapfile -t COMPREPLY < <(compgen -W 'run trace' -- "$word"); return ;;
	run | trace) ;;
	*) return ;;
	esac
	at=$(_green_program_at)
	[[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
	[[ $word == = ]] && word=
	if ((at > 0 && at < COMP_CWORD)); then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	elif [[ $before == -* ]] && _green_option_value "$before" "$word"; then
		:
	elif [[ $word == -* ]]; then
		local options=$_green_library_options
		[[ ${COMP_WORDS[1]} == trace ]] && options+=" $_green_trace_options"
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
	else
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -c -- "$word"; compgen -f -- "$word")
	fi
}

complete -F _green green
