# This node's status, at an interactive login.
case $- in
*i*) /usr/bin/firstboot status 2>/dev/null | sed -n '1s/$/ (more: firstboot status)/p' ;;
esac
