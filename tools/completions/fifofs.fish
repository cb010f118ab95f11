# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Completion for fish. Options are those of the fifofs that is there.

# The list so far stays in front.
function __fifofs_mount_options
    set -l begun (commandline -ct | string replace -r '[^,]*$' '')
    fifofs --help 2>/dev/null | awk '/^Mount options/ { on = 1; next } on && /^  [a-z_-]+(=| )/ { for (i = 1; i <= NF; i++) { print $i; if ($i !~ /,$/) break } }' | string replace -r '=.*' = | string replace -r ',$' '' | string replace -r '^' "$begun"
end

function __fifofs_names
    for file in $HOME/.config/fifofs/*.conf /etc/fifofs/*.conf
        path basename -E $file 2>/dev/null; or basename $file .conf
    end
end

complete -c fifofs -f -a '(__fish_complete_directories)'
complete -c fifofs -s o -l options -x -d 'Mount options' -a '(__fifofs_mount_options)'
complete -c fifofs -s n -l name -x -d 'Mount what NAME.conf describes' -a '(__fifofs_names)'
complete -c fifofs -s f -l foreground -d 'Stay in the foreground'
complete -c fifofs -s d -l debug -d 'Log requests and changes to stderr'
complete -c fifofs -s V -l version -d 'Show the version'
complete -c fifofs -s h -l help -d 'Show help'
