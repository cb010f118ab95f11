# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Completion for bash. Options are those of the fifofs that is there.

_fifofs_mount_options() {
  fifofs --help 2>/dev/null |
    awk '/^Mount options/ { on = 1; next } on && /^  [a-z_-]+(=| )/ { for (i = 1; i <= NF; i++) { print $i; if ($i !~ /,$/) break } }' |
    sed -e 's/=.*/=/' -e 's/,$//'
}

_fifofs_names() {
  local file
  for file in "${XDG_CONFIG_HOME:-$HOME/.config}"/fifofs/*.conf /etc/fifofs/*.conf; do
    [[ ! -e $file ]] || basename "$file" .conf
  done
}

_fifofs_options() {
  local done=""
  [[ $cur != *,* ]] || done=${cur%,*},
  case ${cur##*,} in
    lifetime=*)
      mapfile -t COMPREPLY < <(compgen -P "${done}lifetime=" -W "auto use process session keep" -- "${cur##*=}")
      ;;
    hold=*)
      mapfile -t COMPREPLY < <(compgen -P "${done}hold=" -W "none read write both" -- "${cur##*=}")
      ;;
    config=*)
      mapfile -t COMPREPLY < <(compgen -P "${done}config=" -W "$(_fifofs_names)" -f -- "${cur##*=}")
      ;;
    *)
      mapfile -t COMPREPLY < <(compgen -P "$done" -W "$(_fifofs_mount_options)" -- "${cur##*,}")
      ;;
  esac
  compopt -o nospace
}

_fifofs() {
  # shellcheck disable=SC2034 # _init_completion sets them all
  local cur prev words cword
  _init_completion -n "=:," || return
  case $prev in
    -o | --options)
      _fifofs_options
      ;;
    -n | --name)
      mapfile -t COMPREPLY < <(compgen -W "$(_fifofs_names)" -- "$cur")
      ;;
    *)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_parse_help fifofs)" -- "$cur")
      else
        _filedir -d
      fi
      ;;
  esac
} && complete -F _fifofs fifofs
