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
    printf '%s\n' lifetime=auto lifetime=use lifetime=process lifetime=session lifetime=keep linger= grace= max-age= open-timeout= capacity= hold=none hold=read hold=write hold=both
end

# The command of a stage so far: what is behind the first "--" since the last ":".
function __fifoctl_run_words
    set -l words (commandline -opc)
    set -l begin 0
    for i in (seq 3 (count $words))
        switch $words[$i]
            case --
                test $begin -gt 0; or set begin (math $i + 1)
            case :
                set begin 0
        end
    end
    test $begin -gt 0; or return 1
    test $begin -gt (count $words); or printf '%s\n' $words[$begin..]
    return 0
end

function __fifoctl_run_command
    set -l words (__fifoctl_run_words)
    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))
end

# The FIFOs that the pipeline has so far.
function __fifoctl_run_names
    set -l words (commandline -opc)
    for i in (seq 3 (count $words))
        switch $words[$i]
            case -i --in -o --out
                test $i -lt (count $words); and echo -- $words[(math $i + 1)]
        end
    end
end

complete -c fifoctl -f
complete -c fifoctl -n 'not __fifoctl_command' -a '(__fifoctl_commands)'
complete -c fifoctl -n '__fifoctl_command; and not __fifoctl_is run' -a '(__fifoctl_paths)'
complete -c fifoctl -n '__fifoctl_command; and string match -q -- "-*" (commandline -ct)' -a '(__fifoctl_options)'
complete -c fifoctl -n '__fifoctl_is set' -a '(__fifoctl_attributes)'
complete -c fifoctl -n '__fifoctl_is ls' -s o -l output -x -a '(__fifoctl_columns)'
complete -c fifoctl -n '__fifoctl_is watch' -s e -l event -x -a 'created removed renamed attributes policy opened closed idle released takeover missed'
complete -c fifoctl -n '__fifoctl_is wait' -s f -l for -x -a 'exists reader writer data idle gone'
complete -c fifoctl -n '__fifoctl_is new' -s l -l lifetime -x -a 'auto use session keep'
complete -c fifoctl -n '__fifoctl_is new' -l hold -x -a 'none read write both'
complete -c fifoctl -n '__fifoctl_is get' -s a -l attribute -x -a 'lifetime linger grace max-age open-timeout capacity hold state'
complete -c fifoctl -n '__fifoctl_is run; and __fifoctl_run_words >/dev/null' -a '(__fifoctl_run_command)'
complete -c fifoctl -n '__fifoctl_is run' -s p -l progress -x -a 'auto always never'
complete -c fifoctl -n '__fifoctl_is run' -s f -l format -x -a 'dot mermaid'
complete -c fifoctl -n '__fifoctl_is run' -s J -l json -r -F
complete -c fifoctl -n '__fifoctl_is run' -s d -l directory -x -a '(__fifoctl_paths)'
# Behind the first "--" fish takes nothing for an option any more.
complete -c fifoctl -n '__fifoctl_is run; and contains -- (commandline -opc)[-1] -i --in -o --out' -a '(__fifoctl_run_names)'
complete -c fifoctl -n '__fifoctl_is graph' -s f -l format -x -a 'dot mermaid'
complete -c fifoctl -n '__fifoctl_is graph' -s s -l svg -r -F
