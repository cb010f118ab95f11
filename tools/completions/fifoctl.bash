# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Completion for bash. Commands, options and columns are those of the fifoctl that is there.

# Words of a help text: the first of each line that is indented by two blanks.
_fifoctl_commands() {
  fifoctl --help 2>/dev/null | awk '/^Options:/ { exit } /^  [a-z]/ { print $1 }'
}

# What comes behind a comma, as with -o in ls.
_fifoctl_list() {
  local done=""
  [[ $cur != *,* ]] || done=${cur%,*},
  mapfile -t COMPREPLY < <(compgen -P "$done" -W "$1" -- "${cur##*,}")
  compopt -o nospace
}

_fifoctl_columns() {
  local columns
  columns=$(fifoctl ls --list-columns 2>/dev/null | awk '{ print $1 }')
  if [[ $cur == +* ]]; then
    cur=${cur#+}
    _fifoctl_list "$columns"
    COMPREPLY=("${COMPREPLY[@]/#/+}")
  else
    _fifoctl_list "$columns"
  fi
}

# FIFOs, and directories on the way to them; at first the mounts, too.
_fifoctl_paths() {
  local path
  local -a found=()
  _filedir
  for path in "${COMPREPLY[@]}"; do
    [[ ! -p ${path/#~\//$HOME/} && ! -d ${path/#~\//$HOME/} ]] || found+=("$path")
  done
  COMPREPLY=("${found[@]}")
  if [[ -z $cur ]]; then
    while read -r path; do
      COMPREPLY+=("$(printf '%b' "$path")/")
    done < <(findmnt --raw --noheadings --output TARGET --types fuse.fifofs 2>/dev/null)
  fi
}

_fifoctl_attributes() {
  local names="lifetime= linger= grace= max-age= open-timeout= capacity= hold="
  case $cur in
    lifetime=*)
      mapfile -t COMPREPLY < <(compgen -P lifetime= -W "auto use process session keep" -- "${cur#*=}")
      ;;
    hold=*)
      mapfile -t COMPREPLY < <(compgen -P hold= -W "none read write both" -- "${cur#*=}")
      ;;
    *)
      mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur")
      [[ ${COMPREPLY[0]:-} != *= ]] || compopt -o nospace
      ;;
  esac
}

# The FIFOs that the pipeline has so far.
_fifoctl_run_names() {
  local i
  for ((i = 2; i < COMP_CWORD - 1; i++)); do
    case ${COMP_WORDS[i]} in
      -i | --in | -o | --out) echo "${COMP_WORDS[i + 1]}" ;;
    esac
  done
}

# The command of a stage, behind the first "--" since the last ":". Return: 1 where we are in none.
_fifoctl_run_command() {
  local i begin=0
  for ((i = 2; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --) ((begin > 0)) || begin=$((i + 1)) ;;
      :) begin=0 ;;
    esac
  done
  ((begin > 0)) && _command_offset "$begin"
}

# The value of an option. Return: 1 where there is nothing to choose from.
_fifoctl_value() {
  local words
  case $1:$2 in
    ls:-o | ls:--output)
      _fifoctl_columns
      return
      ;;
    watch:-e | watch:--event)
      words="created removed renamed attributes policy opened closed idle released takeover missed"
      ;;
    wait:-f | wait:--for)
      words="exists reader writer data idle gone"
      ;;
    new:-l | new:--lifetime)
      words="auto use session keep"
      ;;
    new:--hold)
      words="none read write both"
      ;;
    get:-a | get:--attribute)
      words="lifetime linger grace max-age open-timeout capacity hold state"
      ;;
    graph:-f | graph:--format | run:-f | run:--format)
      words="dot mermaid"
      ;;
    run:-p | run:--progress)
      words="auto always never"
      ;;
    run:-J | run:--json)
      _filedir
      return
      ;;
    run:-i | run:--in | run:-o | run:--out)
      words=$(_fifoctl_run_names)
      ;;
    graph:-s | graph:--svg)
      _filedir svg
      return
      ;;
    *)
      return 1
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

_fifoctl() {
  local cur prev words cword command
  # "=" stays a part of its word.
  _init_completion -n "=:" || return
  if ((cword == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "$(_fifoctl_commands) --help --version" -- "$cur")
    return
  fi
  command=${words[1]}
  if [[ $command == run ]] && _fifoctl_run_command; then
    return
  fi
  ! _fifoctl_value "$command" "$prev" || return
  if [[ $cur == --*=* ]]; then
    prev=${cur%%=*}
    cur=${cur#*=}
    _fifoctl_value "$command" "$prev" || COMPREPLY=()
    COMPREPLY=("${COMPREPLY[@]/#/$prev=}")
  elif [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_parse_help fifoctl "$command --help")" -- "$cur")
    [[ ${COMPREPLY[0]:-} != *= ]] || compopt -o nospace
  else
    [[ $command != set ]] || _fifoctl_attributes
    ((${#COMPREPLY[@]} > 0)) || _fifoctl_paths
  fi
} && complete -F _fifoctl fifoctl
