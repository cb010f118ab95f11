# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Completion for fish. Commands, options and columns are those of the fifoctl that is there.

function __fifoctl_commands
    fifoctl --help 2>/dev/null | awk '/^Options:/ { exit } /^  [a-z]/ { name = $1; $0 = substr($0, 11); sub(/^.*  +/, ""); print name "\t" $0 }'
end

function __fifoctl_command
    set -l words (commandline -opc)
    test (count $words) -ge 2; and echo $words[2]
end

function __fifoctl_is
    contains -- (__fifoctl_command) $argv
end

function __fifoctl_options
    fifoctl (__fifoctl_command) --help 2>/dev/null | string match -ar -- '--?[a-z][a-z-]*' | sort -u
end

# The list so far stays in front.
function __fifoctl_columns
    set -l begun (commandline -ct | string replace -r '[^,+]*$' '')
    fifoctl ls --list-columns 2>/dev/null | awk '{ print $1 }' | string replace -r '^' "$begun"
end

# FIFOs, and directories on the way to them; at first the mounts, too.
function __fifoctl_paths
    set -l word (commandline -ct)
    for path in (__fish_complete_path $word | string split -f1 \t)
        set -l expanded (string replace -r '^~/' "$HOME/" -- $path)
        if test -p $expanded; or test -d $expanded
            echo -- $path
        end
    end
    if test -z "$word"
        findmnt --raw --noheadings --output TARGET --types fuse.fifofs 2>/dev/null | string unescape | string replace -r '$' /
    end
end

function __fifoctl_attributes
    printf '%s\n' lifetime=auto lifetime=use lifetime=process lifetime=session lifetime=keep linger= grace= max-age= open-timeout= capacity=
end

complete -c fifoctl -f
complete -c fifoctl -n 'not __fifoctl_command' -a '(__fifoctl_commands)'
complete -c fifoctl -n '__fifoctl_command' -a '(__fifoctl_paths)'
complete -c fifoctl -n '__fifoctl_command; and string match -q -- "-*" (commandline -ct)' -a '(__fifoctl_options)'
complete -c fifoctl -n '__fifoctl_is set' -a '(__fifoctl_attributes)'
complete -c fifoctl -n '__fifoctl_is ls' -s o -l output -x -a '(__fifoctl_columns)'
complete -c fifoctl -n '__fifoctl_is watch' -s e -l event -x -a 'created removed renamed attributes policy opened closed idle released missed'
complete -c fifoctl -n '__fifoctl_is wait' -s f -l for -x -a 'exists reader writer data idle gone'
complete -c fifoctl -n '__fifoctl_is new' -s l -l lifetime -x -a 'auto use session keep'
complete -c fifoctl -n '__fifoctl_is get' -s a -l attribute -x -a 'lifetime linger grace max-age open-timeout capacity state'
complete -c fifoctl -n '__fifoctl_is graph' -s f -l format -x -a 'dot mermaid'
complete -c fifoctl -n '__fifoctl_is graph' -s s -l svg -r -F
